"""Harm that adds up over several turns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from courtroom import Book, Phrases, Scores, moderation, run, saying

from rostra.actions import Begin, Finish
from rostra.places import Person, Place
from rostra.testing.clock import ManualClock
from rostra.testing.moderators import passage
from rostra.testing.stages import a_turn
from rostra.verdicts import Decision, Verdict
from rostra_moderation.moderation import Moderation
from rostra_moderation.policy import Policy, Ruling
from rostra_moderation.risk import Tally, harm, raised

ANN, BEN = Person(id="ann"), Person(id="ben")
HERE = Place(adapter="fake", workspace="w", channel="general")
SLY = {"sly": ("illicit", 0.35), "spam": ("spam", 0.9)}


async def test_the_sum_loses_half_of_itself_in_a_half_life() -> None:
    clock = ManualClock()
    tally = Tally(clock)
    tally.add(ANN, HERE, 0.8, 60)
    assert tally.level(ANN, HERE, 60) == pytest.approx(0.8)
    await clock.advance(60)
    assert tally.level(ANN, HERE, 60) == pytest.approx(0.4)
    tally.add(ANN, HERE, 0.6, 60)
    assert tally.level(ANN, HERE, 60) == pytest.approx(1.0)
    await clock.advance(6000)
    assert tally.level(ANN, HERE, 60) < 1e-9


def test_everybody_has_a_sum_in_every_channel_and_threads_share_it() -> None:
    tally = Tally(ManualClock())
    tally.add(ANN, replace(HERE, thread="t1"), 0.5, 60)
    assert tally.level(ANN, replace(HERE, thread="t2"), 60) == 0.5
    assert tally.level(BEN, HERE, 60) == 0
    assert tally.level(ANN, replace(HERE, channel="other"), 60) == 0


@pytest.mark.parametrize("score", [0.0, 0.19, -1.0, float("nan")])
def test_small_talk_adds_nothing(score: float) -> None:
    tally = Tally(ManualClock())
    for _ in range(1000):
        tally.add(ANN, HERE, score, 60)
    assert (tally.level(ANN, HERE, 60), len(tally)) == (0, 0)


def test_memory_is_bounded() -> None:
    tally = Tally(ManualClock(), size=10)
    for number in range(100):
        tally.add(Person(id=str(number)), HERE, 0.5, 60)
    assert len(tally) == 10
    assert tally.level(Person(id="99"), HERE, 60) == 0.5


def test_only_categories_of_harm_count() -> None:
    def ruled(kind: str = "judged", **scores: float) -> Ruling:
        verdict = Verdict(decision=Decision.FLAG, source="x", categories=scores)
        return Ruling(verdict=replace(verdict, kind=kind))  # pyright: ignore[reportArgumentType]  of VerdictKind

    assert harm(ruled(hate=0.4, pii=0.9, spam=1.0)) == 0.4
    assert harm(ruled(pii=0.9)) == 0
    assert harm(ruled("error", hate=0.9)) == 0


def test_beyond_the_limits_a_turn_is_flagged_and_then_refused() -> None:
    policy = Policy()
    sheet = policy.at(HERE)
    sheet = replace(sheet, judge="llm", risk=replace(sheet.risk, flag=1.0, block=2.0))
    fine = policy.rule([Verdict(decision=Decision.ALLOW, source="x")], passage("hello"))
    assert raised(fine, 0.9, sheet) is fine
    grey = raised(fine, 1.2, sheet)
    assert (grey.decision, grey.hold, grey.judge) == (Decision.FLAG, "paragraph", "llm")
    assert grey.verdict.rule == "risk 1.20 >= 1"
    refused = raised(fine, 2.5, sheet)
    assert (refused.decision, refused.verdict.rule) == (Decision.BLOCK, "risk 2.50 >= 2")
    strict = replace(sheet, hold_grey="full")
    assert raised(fine, 1.2, strict).hold == "full"


async def turns(court: Moderation, *questions: str) -> list[str]:
    said: list[str] = []
    for question in questions:
        actions, turn = await run(court, saying("One. ", "Two. ", "Three."), a_turn(question))
        step = turn.trace.steps[0]
        assert isinstance(actions[-1], Finish)
        said.append(f"{step.what} {'slow' if not isinstance(actions[0], Begin) else 'fast'}")
    return said


async def test_harm_spread_over_several_turns_is_seen() -> None:
    clock = ManualClock()
    limits = {"flag": 1.0, "block": 2.0, "half_life": 600}
    court = moderation(Phrases(scores=SLY), clock=clock, policies={"default": {"risk": limits}})
    assert await turns(court, *["something sly"] * 3) == ["allow fast"] * 3
    assert await turns(court, "hello") == ["flag slow"], "the sum of three is enough for a longer hold"
    assert await turns(court, *["something sly"] * 3, "hello") == ["flag slow"] * 3 + ["block slow"]
    await clock.advance(3600)
    assert await turns(court, "hello") == ["allow fast"]


async def test_the_trace_shows_the_sum() -> None:
    court = moderation(Phrases(scores=SLY))
    await run(court, saying("Yes."), a_turn("something sly"))
    _, turn = await run(court, saying("Yes."), a_turn("something sly"))
    assert dict(turn.trace.steps[0].facts)["risk"] == 0.35


async def test_what_the_bot_says_counts_too() -> None:
    court = moderation(Phrases(scores=SLY), policies={"default": {"risk": {"flag": 0.3}}})
    await run(court, saying("It is sly."), a_turn("tell me"))
    assert await turns(court, "hello") == ["flag slow"]


async def test_spam_adds_no_harm_and_a_shadow_policy_raises_nothing() -> None:
    court = moderation(Phrases(scores={"spam": ("spam", 0.6)}), policies={"default": {"risk": {"flag": 0.3}}})
    assert await turns(court, "spam", "hello") == ["flag fast", "allow fast"]
    shadow = {"shadow": True, "risk": {"flag": 0.3, "block": 0.4}}
    court = moderation(Phrases(scores=SLY), policies={"default": shadow})
    assert await turns(court, "sly", "sly", "hello") == ["allow fast"] * 3


async def test_a_judge_is_asked_about_everything_once_the_sum_is_high() -> None:
    judge = Scores(name="llm", scores={})
    policy = {"risk": {"flag": 0.3}, "judge": "llm"}
    court = moderation(Phrases(scores=SLY), judge, policies={"default": policy}, register=Book())
    await turns(court, "sly", "hello")
    assert [each.text for each in judge.asked if each.direction == "question"] == ["hello"]
