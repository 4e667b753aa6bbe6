"""In order within one place, concurrently across places, never more than so many at once, and fair.

A lane is the queue of one place. Lanes that have something to do take turns: one that is full of questions waits
exactly as long for its next one as a lane that has a single question.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

Release: TypeAlias = Callable[[], None]
Job: TypeAlias = Callable[[Release], Awaitable[None]]
"""Work of one lane. It is given a function to call once it no longer needs one of the slots that all lanes share,
although its lane stays busy until it returns. It must not raise."""


@dataclass(slots=True)
class _Lane:
    waiting: deque[Job] = field(default_factory=deque[Job])
    busy: bool = False


class Lanes:
    """All lanes, and the slots they share."""

    def __init__(self, *, concurrent: int, waiting: int, waiting_per_lane: int) -> None:
        """At most ``concurrent`` jobs hold a slot and ``waiting`` jobs wait, ``waiting_per_lane`` of them in a lane."""
        self._slots = concurrent
        self._room = waiting
        self._room_per_lane = waiting_per_lane
        self._lanes: dict[str, _Lane] = {}
        self._ready: deque[str] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = True

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    @property
    def busy(self) -> int:
        """How many jobs run."""
        return len(self._tasks)

    def put(self, key: str, job: Job, *, forced: bool = False) -> bool:
        """Queue ``job`` in the lane ``key``; return False if there is no room for it.

        ``forced`` makes room: for what was accepted before a restart, which must not be refused for want of it.
        """
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
        elif not forced and len(lane.waiting) >= self._room_per_lane:
            return False
        if self._room <= 0 and not forced and (lane.busy or self._slots <= 0):
            self._sweep(key, lane)
            return False
        lane.waiting.append(job)
        self._room -= 1
        if not lane.busy and len(lane.waiting) == 1:
            self._ready.append(key)
        self._start()
        return True

    async def drain(self) -> None:
        """Return once every job that runs or waits has ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Start nothing more, and return once what runs has ended. What waits is forgotten."""
        self._open = False
        await self.drain()

    async def cancel(self) -> None:
        """Cancel every job that runs, and return once all have ended."""
        self._open = False
        for task in self._tasks:
            task.cancel()
        await self.drain()

    def _start(self) -> None:
        while self._open and self._ready and self._slots > 0:
            key = self._ready.popleft()
            lane = self._lanes[key]
            job = lane.waiting.popleft()
            lane.busy = True
            self._room += 1
            self._slots -= 1
            task = asyncio.get_running_loop().create_task(self._run(key, lane, job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, key: str, lane: _Lane, job: Job) -> None:
        held = True

        def release() -> None:
            nonlocal held
            if held:
                held = False
                self._slots += 1
                self._start()

        try:
            await job(release)
        finally:
            lane.busy = False
            if lane.waiting:
                self._ready.append(key)
            else:
                self._sweep(key, lane)
            release()
            self._start()

    def _sweep(self, key: str, lane: _Lane) -> None:
        if not lane.busy and not lane.waiting:
            self._lanes.pop(key, None)
