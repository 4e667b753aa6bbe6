"""A clock that tests set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta


class ManualClock:
    """A `rostra.clock.Clock` whose time passes only when `advance` is called.

    Sleepers and timeouts fire in the order of their times; between two of them the loop runs until nothing
    is ready, so that what a sleeper starts can sleep again within the same call.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._timers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._made = 0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        await self._timer(seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        return self._timeout(seconds)

    @asynccontextmanager
    async def _timeout(self, seconds: float | None) -> AsyncGenerator[None]:
        async with asyncio.timeout(None) as scope:
            timer = self._timer(seconds) if seconds is not None else None
            if timer is not None:
                timer.add_done_callback(
                    lambda fired: (
                        None if fired.cancelled() else scope.reschedule(asyncio.get_running_loop().time())
                    )
                )
            try:
                yield
            finally:
                if timer is not None:
                    timer.cancel()

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        await settle()
        end = self._elapsed + seconds
        while due := [timer for timer in self._timers if timer[0] <= end and not timer[2].done()]:
            when, _, fired = min(due, key=lambda timer: timer[:2])
            self._elapsed = max(self._elapsed, when)
            fired.set_result(None)
            await settle()
        self._timers = [timer for timer in self._timers if not timer[2].done()]
        self._elapsed = end

    def _timer(self, seconds: float) -> asyncio.Future[None]:
        fired = asyncio.get_running_loop().create_future()
        self._made += 1
        self._timers.append((self._elapsed + seconds, self._made, fired))
        return fired


async def settle(rounds: int = 50) -> None:
    """Let every task that can run do so, ``rounds`` times."""
    for _ in range(rounds):
        await asyncio.sleep(0)
