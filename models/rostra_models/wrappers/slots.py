"""A number of slots, lent in turn to the places that wait for them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from rostra.errors import ModelError
from rostra.places import Place


class Slots:
    """``free`` slots; who waits gets one when it is its place's turn, and within a place in the order of coming.

    At most ``waiting`` wait. When as many do, a newcomer takes the room of the last one of the place that waits most,
    if that is more than its own place has waiting; otherwise it is turned away.
    """

    def __init__(self, name: str, free: int, waiting: int) -> None:
        """``name`` is for messages."""
        self._name = name
        self._free = free
        self._most = waiting
        self._lines: dict[Place | None, deque[asyncio.Future[None]]] = {}

    @property
    def free(self) -> int:
        return self._free

    @property
    def waiting(self) -> int:
        return sum(map(len, self._lines.values()))

    @asynccontextmanager
    async def lend(self, place: Place | None) -> AsyncGenerator[None]:
        """Lend a slot for the time of the block. Raises `ModelError` if too many wait."""
        await self._take(place)
        try:
            yield
        finally:
            self._give()

    async def _take(self, place: Place | None) -> None:
        if self._free:  # then nobody waits: a slot that comes back goes to who waits
            self._free -= 1
            return
        if self.waiting >= self._most:
            self._make_room(place)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(place, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give()  # it was handed over and nobody takes it
            else:
                self._leave(place, turn)
            raise

    def _give(self) -> None:
        while self._lines:
            place, line = next(iter(self._lines.items()))
            turn = line.popleft()
            del self._lines[place]
            if line:
                self._lines[place] = line  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _make_room(self, place: Place | None) -> None:
        longest = max(self._lines, key=lambda one: len(self._lines[one]), default=None)
        line = self._lines.get(longest, deque())
        if len(line) <= len(self._lines.get(place, ())) + 1:
            raise self._full()
        last = line.pop()
        if not last.done():
            last.set_exception(self._full())

    def _leave(self, place: Place | None, turn: asyncio.Future[None]) -> None:
        line = self._lines.get(place, deque())
        if turn in line:
            line.remove(turn)
            if not line:
                del self._lines[place]

    def _full(self) -> ModelError:
        return ModelError(f"model {self._name!r} is busy: {self._most} questions wait already")
