"""Asking several moderators: order, time, and whatever can go wrong with one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
from structlog.testing import capture_logs

from rostra.testing.clock import ManualClock, settle
from rostra.testing.moderators import passage
from rostra.verdicts import Decision, Passage, Verdict
from rostra_moderation.cache import Cache, Cached
from rostra_moderation.combine import ask, ask_now
from rostra_moderation.policy import Policy

POLICY = Policy()
SECRET = "the words nobody may read in a log"


@dataclass(kw_only=True)
class Judge:
    """Says what it is told to, or raises it, once its gate is open."""

    name: str = "judge"
    says: Verdict | Exception | Callable[[], Verdict] | None = None
    gate: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list[str])
    cancelled: bool = False

    async def judge(self, passage: Passage) -> Verdict:
        try:
            if self.gate is not None:
                self.asked.append(passage.text)
                await self.gate.wait()
                return self._say()
            return self.judge_now(passage)
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    def judge_now(self, passage: Passage) -> Verdict:
        self.asked.append(passage.text)
        return self._say()

    def _say(self) -> Verdict:
        if isinstance(self.says, Exception):
            raise self.says
        if callable(self.says):
            return self.says()
        return self.says or Verdict(decision=Decision.ALLOW, source=self.name)


def hateful(source: str = "judge", score: float = 0.9) -> Verdict:
    return Verdict(decision=Decision.BLOCK, source=source, categories={"hate": score})


async def asked(*judges: Judge, clock: ManualClock | None = None) -> list[Verdict]:
    return await ask(judges, passage(SECRET), POLICY, clock=clock or ManualClock(), seconds=2.0)


async def test_all_are_asked_at_the_same_time_and_answer_in_their_order() -> None:
    first, second = Judge(name="first", gate=asyncio.Event()), Judge(name="second", gate=asyncio.Event())
    assert first.gate is not None
    assert second.gate is not None
    asking = asyncio.ensure_future(asked(first, second))
    await settle()
    assert first.asked == second.asked == [SECRET]
    second.gate.set()
    await settle()
    first.gate.set()
    assert [verdict.source for verdict in await asking] == ["first", "second"]


async def test_a_certain_block_waits_for_nobody_else() -> None:
    slow, sure = Judge(name="slow", gate=asyncio.Event()), Judge(name="sure", says=hateful("sure"))
    verdicts = await asked(slow, sure)
    assert [verdict.source for verdict in verdicts] == ["sure"]
    assert slow.cancelled


async def test_one_that_takes_too_long_is_a_timeout_and_is_stopped() -> None:
    clock = ManualClock()
    for judges in (
        [Judge(name="slow", gate=asyncio.Event())],
        [Judge(name="slow", gate=asyncio.Event()), Judge()],
    ):
        asking = asyncio.ensure_future(asked(*judges, clock=clock))
        await clock.advance(1.9)
        assert not asking.done()
        await clock.advance(0.2)
        verdict = (await asking)[0]
        assert (verdict.kind, verdict.source, verdict.decision) == ("timeout", "slow", Decision.BLOCK)
        assert judges[0].cancelled


@pytest.mark.parametrize(
    "says",
    [
        RuntimeError(SECRET),
        TypeError(SECRET),
        Verdict(decision=Decision.ALLOW, source="somebody else"),
        hateful(score=float("nan")),
        hateful(score=1.5),
        hateful(score=-0.1),
        lambda: cast("Verdict", {"decision": SECRET}),
    ],
)
async def test_whatever_goes_wrong_is_a_verdict_of_kind_error(says: Verdict | Exception) -> None:
    with capture_logs() as logs:
        verdicts = [*await asked(Judge(says=says)), *ask_now([Judge(says=says)], passage(SECRET), POLICY)]
    assert [(verdict.kind, verdict.decision) for verdict in verdicts] == [("error", Decision.BLOCK)] * 2
    assert [entry["moderator"] for entry in logs] == ["judge"] * 2
    assert SECRET not in repr(logs) + repr(verdicts)


async def test_a_moderator_that_was_cancelled_inside_has_failed() -> None:
    class Cancelled(Judge):
        async def judge(self, passage: Passage) -> Verdict:
            raise asyncio.CancelledError

    assert (await asked(Cancelled()))[0].kind == "error"


async def test_cancelling_whoever_asks_cancels_the_moderators() -> None:
    judges = [Judge(gate=asyncio.Event()), Judge(gate=asyncio.Event())]
    for chosen in (judges[:1], judges):
        asking = asyncio.ensure_future(asked(*chosen))
        await settle()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert all(judge.cancelled for judge in chosen)


def test_quick_moderators_are_asked_in_order_up_to_the_first_that_is_certain() -> None:
    judges = [Judge(name="first"), Judge(name="sure", says=hateful("sure")), Judge(name="last")]
    verdicts = ask_now(judges, passage("x"), POLICY)
    assert [verdict.source for verdict in verdicts] == ["first", "sure"]
    assert judges[2].asked == []


@dataclass
class Slow:
    """Takes its time, and knows how much it may take."""

    clock: ManualClock
    name: str = "slow"
    seconds: float | None = 30.0

    async def judge(self, passage: Passage) -> Verdict:
        del passage
        await self.clock.sleep(25)
        return Verdict(decision=Decision.ALLOW, source=self.name)


@pytest.mark.parametrize(("limit", "kind"), [(30.0, "judged"), (20.0, "timeout"), (None, "timeout")])
async def test_a_moderator_that_sets_itself_a_limit_has_that_long(limit: float | None, kind: str) -> None:
    clock = ManualClock()
    slow = Cached(Slow(clock, seconds=limit), Cache())
    answered = asyncio.ensure_future(ask([slow], passage("x"), POLICY, clock=clock, seconds=2))
    await settle()
    await clock.advance(26)
    assert [verdict.kind for verdict in await answered] == [kind]
