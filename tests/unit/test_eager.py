"""Work that is begun at once: timers only for what waits, and cancellations for what does."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest

from rostra.eager import Begun, within
from rostra.testing.clock import ManualClock, settle


class Counting(ManualClock):
    """Counts the timers that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = 0

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        self.timers += 1
        return super().timeout(seconds)


async def waiting(times: int) -> int:
    for _ in range(times):
        await asyncio.sleep(0)
    return times


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_a_timer_is_made_once_for_what_waits_and_never_for_what_does_not(times: int) -> None:
    clock = Counting()
    assert await within(clock, 5, waiting(times)) == times
    assert clock.timers == bool(times)


async def test_what_waits_too_long_is_ended_and_may_clean_up() -> None:
    clock, cleaned = ManualClock(), False

    async def forever() -> None:
        nonlocal cleaned
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned = True

    task = asyncio.ensure_future(within(clock, 5, forever()))
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.2)
    with pytest.raises(TimeoutError):
        await task
    assert cleaned


async def test_a_cancellation_reaches_the_work_wherever_it_waits() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await waiting(2)
            return "came to its end"
        raise AssertionError

    async def begun() -> str:
        return await Begun(stubborn()).rest()

    task = asyncio.ensure_future(begun())
    await settle()
    task.cancel()
    assert await task == "came to its end"


async def test_what_is_raised_before_the_first_wait_is_raised_at_once() -> None:
    async def broken() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        Begun(broken())


async def test_the_rest_of_what_is_over_is_its_result() -> None:
    begun = Begun(waiting(0))
    assert begun.over
    assert await begun.rest() == begun.result == 0


async def test_a_work_that_nobody_awaits_any_more_is_closed() -> None:
    closed = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()

    rest = Begun(work()).rest()
    rest.send(None)
    rest.close()
    assert closed.is_set()


async def test_what_is_no_coroutine_can_be_awaited_as_well() -> None:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, 3)
    assert await within(ManualClock(), 5, future) == 3
