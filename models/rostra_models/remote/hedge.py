"""Ask twice, take what comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from rostra.clock import Clock


class Closable(Protocol):
    async def close(self) -> None: ...


T = TypeVar("T", bound=Closable)


async def hedged(
    ask: Callable[[], Awaitable[T]], again: Callable[[], Awaitable[T]], *, after: float, clock: Clock
) -> T:
    """Return what ``ask`` gives, or ``again``, begun ``after`` seconds later, if that is there first.

    What comes second is closed or cancelled. If one fails once both were begun, the other decides; a failure before
    that is raised at once. Source: J. Dean, L. A. Barroso, "The tail at scale" (2013), hedged requests.
    """
    begun: list[asyncio.Task[T]] = []
    alarm = asyncio.create_task(clock.sleep(after))
    won: asyncio.Task[T] | None = None
    try:
        begun.append(asyncio.ensure_future(_one(ask)))
        await asyncio.wait({begun[0], alarm}, return_when=asyncio.FIRST_COMPLETED)
        if not begun[0].done():
            begun.append(asyncio.ensure_future(_one(again)))
        won = await _best(begun)
        return won.result()
    finally:
        alarm.cancel()
        await asyncio.gather(alarm, return_exceptions=True)
        await _end([task for task in begun if task is not won])


async def _one(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


async def _best(begun: list[asyncio.Task[T]]) -> asyncio.Task[T]:
    """Return the first that succeeds, or the last that fails."""
    waiting = set(begun)
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        good = [task for task in begun if task in done and task.exception() is None]
        if good or not waiting:
            return good[0] if good else next(iter(done))


async def _end(losers: list[asyncio.Task[T]]) -> None:
    for task in losers:
        task.cancel()
    for outcome in await asyncio.gather(*losers, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            await outcome.close()
