"""A stand for adapters: one adapter runs in it with a bot behind it, for as long as a test takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from ..actions import Action, Finish
from ..clock import SystemClock
from ..events import Event
from .answering import Answers, Bot
from .clock import ManualClock
from .contract import Faults, People, Platform, Shelf

T = TypeVar("T")

TICK = 0.02
"""Seconds of the machine's clock without any progress after which the adapter's clock goes on."""


def finish(_event: Event, reply: str) -> Sequence[Action]:
    """Answer anything."""
    return [Finish(reply=reply, text="understood")]


class Stand:
    """What the tests of the kit share. Provide ``platform``."""

    patience = 5.0
    """Seconds, of the machine's own clock, that one conversation may take before a test gives up."""

    @pytest.fixture
    def platform(self) -> Platform:
        raise NotImplementedError("provide a fake platform")

    @contextlib.asynccontextmanager
    async def running(
        self, platform: Platform, answers: Answers = finish, *, gate: asyncio.Event | None = None
    ) -> AsyncGenerator[Bot]:
        """Run the adapter with a bot behind it; end it cleanly afterwards. A ``gate`` holds back what is taken."""
        people, faults = platform.people, platform.faults
        bot = Bot(
            platform.adapter,
            answers,
            clock=faults.clock if faults is not None else SystemClock(),
            shelf=people.controls if people is not None else Shelf(),
            gate=gate,
        )
        bot.start()
        try:
            async with asyncio.timeout(self.patience):
                yield bot
        finally:
            assert await ended(self.patience, bot.run, *bot.tasks), "the adapter does not end when cancelled"

    async def answered_with(self, platform: Platform, *actions: Callable[[str], Action]) -> str:
        """Let a user ask something, answer with ``actions`` (each is given the reply's id), return what is seen."""
        platform.users_say("a question")
        async with self.running(platform, lambda _, reply: [make(reply) for make in actions]) as bot:
            await bot.until_answered(1)
        return "\n".join(platform.users_see())

    def people_of(self, platform: Platform) -> People:
        """Return what people can do; skip the test where they can only write."""
        if platform.people is None:
            pytest.skip("people can only write on this platform")
        return platform.people

    def faults_of(self, platform: Platform) -> Faults:
        """Return what can break; skip the test where nothing can."""
        if platform.faults is None:
            pytest.skip("this fake platform cannot break anything")
        return platform.faults


async def passing(clock: ManualClock, awaitable: Awaitable[T]) -> T:
    """Return what ``awaitable`` comes to, while time passes on ``clock`` whenever nothing else moves it on.

    Sockets need real time and time-outs must not fire before they had it: so the clock goes on only after `TICK`
    seconds of the machine's clock, in steps that double.
    """
    task = asyncio.ensure_future(awaitable)
    step = 0.25
    try:
        while not (await asyncio.wait([task], timeout=TICK))[0]:
            await clock.advance(step)
            step = min(2 * step, 60.0)
        return task.result()
    finally:
        task.cancel()


async def idle() -> None:
    """Let everything run that can, threads included."""
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.to_thread(lambda: None)


async def ended(patience: float, *tasks: asyncio.Future[None]) -> bool:
    """Cancel ``tasks``; return whether all end. What they end with is not the question here."""
    for task in tasks:
        task.cancel()
    done, _ = await asyncio.wait(tasks, timeout=patience)
    await asyncio.gather(*done, return_exceptions=True)
    return len(done) == len(tasks)
