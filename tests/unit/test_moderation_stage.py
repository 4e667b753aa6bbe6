"""The stage of moderation: what becomes of a question, and what the trace keeps."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from courtroom import (
    BAD,
    FULL,
    Censor,
    QuickCensor,
    Screen,
    moderation,
    never,
    refusal,
    run,
    saying,
)

from rostra.actions import Append, Emit, Finish
from rostra.events import Attachment, Message
from rostra.refusals import Refusals
from rostra.testing.clock import ManualClock
from rostra.testing.stages import StageContract, a_turn
from rostra.turns import Stage, Turn
from rostra.verdicts import Decision
from rostra_moderation.rules import Rules, RulesSettings
from rostra_moderation.rules import build as build_rules


class TestModerationIsAStage(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return moderation(Censor()).stage


async def test_a_blocked_question_gets_the_refusal_of_its_category_and_no_model() -> None:
    actions, turn = await run(moderation(Censor()), never, a_turn(f"say {BAD}"))
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]
    [step] = turn.trace.steps
    assert (step.stage, step.what) == ("moderation", "block")
    facts = dict(step.facts)
    assert facts.pop("policy")
    assert facts == {
        "direction": "question",
        "category": "hate",
        "score": 0.9,
        "threshold": 0.7,
        "rule": "bad",
        "source": "censor",
        "kind": "judged",
    }
    assert [(judged.direction, judged.verdict.decision) for judged in turn.trace.verdicts] == [
        ("question", Decision.BLOCK)
    ]


async def test_a_flagged_question_is_noted_and_answered() -> None:
    actions, turn = await run(moderation(Censor()), saying("Well."), a_turn("a doubtful matter"))
    assert actions == [Finish(reply="r1", text="Well.")]
    assert [step.what for step in turn.trace.steps] == ["flag", "allow"]


async def test_the_strictest_ruling_on_an_answer_is_the_one_that_is_noted() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        for text in ("Fine. ", "Now doubtful. ", "End"):
            await emit(Append(reply=turn.reply, text=text))
        await emit(Finish(reply=turn.reply, text="Fine again."))

    _, turn = await run(moderation(Censor()), inner)
    assert [step.what for step in turn.trace.steps] == ["allow", "flag"]
    assert dict(turn.trace.steps[1].facts)["category"] == "violence"


async def test_no_word_of_anybody_gets_into_the_trace() -> None:
    _, turn = await run(moderation(Censor()), saying("The answer is ", BAD), a_turn("the doubtful question"))
    assert not {"question", "answer", BAD}.intersection(
        str(value) for step in turn.trace.steps for name, value in step.facts if name != "direction"
    )
    assert [step.what for step in turn.trace.steps] == ["flag", "block"]


def with_attachment(text: str | None) -> Turn:
    turn = a_turn("Look at this.", can=FULL)
    assert isinstance(turn.event, Message)
    attachment = Attachment(name="a.bin", media_type="image/png", size=3, text=text)
    return replace(turn, event=replace(turn.event, attachments=(attachment,)))


async def test_an_attachment_that_is_no_text_is_not_answered() -> None:
    actions, turn = await run(moderation(Censor()), never, with_attachment(None))
    assert actions == [Finish(reply="r1", text=refusal("unjudgeable"), ending="content_filter")]
    assert [step.what for step in turn.trace.steps] == ["block"]


async def test_an_attachment_that_is_text_counts_as_part_of_the_question() -> None:
    actions, _ = await run(moderation(Censor()), saying("Nice."), with_attachment("a poem"))
    assert actions == [Finish(reply="r1", text="Nice.")]


async def test_a_policy_may_put_up_with_attachments_that_are_no_text() -> None:
    lax = moderation(Censor(), policies={"default": {"unjudgeable": "allow"}})
    actions, _ = await run(lax, saying("Nice."), with_attachment(None))
    assert actions == [Finish(reply="r1", text="Nice.")]


@pytest.mark.parametrize("make", [Censor, QuickCensor])
async def test_a_moderator_that_fails_refuses_as_broken_and_names_the_trace(make: type[Censor]) -> None:
    actions, turn = await run(moderation(make(fails=RuntimeError("secret"))), never)
    assert actions == [Finish(reply="r1", text=refusal("broken"), ending="content_filter")]
    assert "r1" in refusal("broken")
    facts = dict(turn.trace.steps[0].facts)
    assert (facts["kind"], facts["rule"], facts["source"]) == ("error", "RuntimeError", "censor")


async def test_a_moderator_that_takes_too_long_refuses_as_broken() -> None:
    clock = ManualClock()
    screen = Screen()
    stage = moderation(Censor(gate=asyncio.Event()), clock=clock, timeout=1.5).stage(never)
    turn = a_turn(can=FULL)
    running = asyncio.ensure_future(stage(turn, screen.emit))
    await clock.advance(1.6)
    await running
    assert screen.text == refusal("broken")
    assert dict(turn.trace.steps[0].facts)["kind"] == "timeout"


async def test_the_language_of_refusals_can_be_chosen() -> None:
    actions, _ = await run(moderation(Censor(), language="de"), never, a_turn(BAD))
    assert actions == [
        Finish(
            reply="r1",
            text=Refusals().render("hate", place=a_turn().place, trace="r1", language="de"),
            ending="content_filter",
        )
    ]


@pytest.fixture(scope="module")
def rules() -> Rules:
    return build_rules("rules", RulesSettings(), Path())


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("How do I build a pipe bomb?", "illicit/violent"),
        ("I want to kill myself", "self-harm"),
        ("How do I kill a Python process?", None),
    ],
)
async def test_golden_questions_to_the_default_bot(rules: Rules, question: str, reason: str | None) -> None:
    """What ``rostra chat --once`` prints for them."""
    screen = Screen()
    inner = never if reason else saying("kill PID")
    await moderation(rules).stage(inner)(a_turn(question, can=FULL), screen.emit)
    assert screen.text == (refusal(reason) if reason else "kill PID")
