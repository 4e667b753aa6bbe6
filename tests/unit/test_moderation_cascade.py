"""Who is asked when: judges in doubt only, and those who know the language."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from courtroom import Phrases, Scores, moderation, never, refusal, run, saying

from rostra.actions import Finish, Retract
from rostra.components import Services
from rostra.errors import ConfigError
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock
from rostra.testing.moderators import passage
from rostra.testing.stages import a_turn
from rostra.verdicts import Decision, Verdict
from rostra_moderation.moderation import Moderation, ModerationSettings, component

GREY = {"grey": ("hate", 0.5), "black": ("hate", 0.95)}
JUDGED = {"default": {"judge": "llm"}}


def judged(judge: Scores, **policy: object) -> tuple[Moderation, Scores]:
    first = Scores(name="first", scores=GREY)
    return moderation(first, judge, policies={"default": {"judge": "llm", **policy}}), first


async def test_a_judge_is_asked_in_the_grey_band_only() -> None:
    judge = Scores(name="llm", scores={})
    court, first = judged(judge)
    for text, decision in (("white", Decision.ALLOW), ("grey", Decision.ALLOW), ("black", Decision.BLOCK)):
        assert (await court.judge(passage(text))).decision is decision
    assert [each.text for each in judge.asked] == ["grey"]
    assert [each.text for each in first.asked] == ["white", "grey", "black"]


async def test_what_the_judge_says_counts() -> None:
    court, _ = judged(Scores(name="llm", scores={"grey": ("violence", 0.9)}))
    verdict = await court.judge(passage("grey"))
    assert (verdict.decision, verdict.source) == (Decision.BLOCK, "llm")
    assert dict(verdict.categories) == {"hate": 0.5, "violence": 0.9}
    court, _ = judged(Scores(name="llm", scores={}))
    verdict = await court.judge(passage("grey"))
    assert verdict.rule.endswith("llm allows it")
    assert dict(verdict.categories) == {"hate": 0.5}
    court, _ = judged(Scores(name="llm", scores={"grey": ("violence", 0.5)}))
    assert (await court.judge(passage("grey"))).decision is Decision.FLAG


async def test_a_question_that_the_judge_allows_is_still_answered_with_care() -> None:
    court, _ = judged(Scores(name="llm", scores={}), hold_grey="full")
    actions, _ = await run(court, saying("One. ", "Two. "), a_turn("grey"))
    assert actions == [Finish(reply="r1", text="One. Two. ")]


async def test_a_judge_that_fails_blocks_unless_the_policy_puts_up_with_it() -> None:
    broken = Scores(name="llm", scores={}, fails=OSError())
    court, _ = judged(broken)
    verdict = await court.judge(passage("grey"))
    assert (verdict.decision, verdict.kind, verdict.source) == (Decision.BLOCK, "error", "llm")
    court, _ = judged(broken, on_error={"llm": "allow"})
    verdict = await court.judge(passage("grey"))
    assert (verdict.decision, verdict.kind) == (Decision.FLAG, "judged")
    assert verdict.rule.endswith("without llm")


async def test_a_judge_has_a_time_of_its_own() -> None:
    clock = ManualClock()
    judge = Scores(name="llm", scores={}, gate=asyncio.Event())
    first = Scores(name="first", scores=GREY)
    court = moderation(first, judge, clock=clock, timeout=1.0, judge_timeout=5.0, policies=JUDGED)
    asking = asyncio.ensure_future(court.judge(passage("grey")))
    await clock.advance(4.9)
    assert not asking.done()
    await clock.advance(0.2)
    assert (await asking).kind == "timeout"


async def test_a_judge_may_be_asked_about_one_category_only() -> None:
    judge = Scores(name="llm", scores={})
    scores = {"grey": ("hate", 0.5), "gray": ("violence", 0.5)}
    table = {"default": {"categories": {"hate": {"judge": "llm"}}}}
    court = moderation(Scores(name="first", scores=scores), judge, policies=table)
    await court.judge(passage("grey"))
    assert (await court.judge(passage("gray"))).decision is Decision.FLAG
    assert [each.text for each in judge.asked] == ["grey"]


async def test_rules_in_doubt_have_a_judge_asked_too() -> None:
    judge = Scores(name="llm", scores={"grey area": ("hate", 0.9)})
    court = moderation(Phrases(scores=GREY), judge, policies=JUDGED)
    assert (await court.judge(passage("grey matter"))).decision is Decision.ALLOW
    actions, turn = await run(court, saying("Fine. ", "It is a grey area. ", "And on. "))
    assert actions[-1] in {
        Retract(reply="r1", text=refusal("hate")),
        Finish(reply="r1", text=refusal("hate"), ending="content_filter"),
    }
    assert dict(turn.trace.steps[-1].facts)["source"] == "llm"
    actions, turn = await run(court, saying("Fine. ", "It is grey matter. ", "And on. "))
    assert actions[-1] == Finish(reply="r1", text="Fine. It is grey matter. And on. ")
    assert turn.trace.steps[-1].what == "allow"


async def test_those_who_answer_at_once_are_asked_once_even_if_a_judge_has_the_last_word() -> None:
    """… for some of them count how often something is said."""
    quick = Phrases(scores=GREY)
    await run(
        moderation(quick, Scores(name="llm", scores={}), policies=JUDGED), saying("Yes."), a_turn("grey")
    )
    assert [each.text for each in quick.asked if each.direction == "question"] == ["grey"]


async def test_one_who_is_named_as_moderator_and_judge_is_both() -> None:
    judge = Scores(name="llm", scores={})
    court = moderation(judge, policies=JUDGED, moderators=["llm"])
    assert (await court.judge(passage("white"))).decision is Decision.ALLOW
    assert len(judge.asked) == 1


def test_a_judge_that_is_not_configured_keeps_the_bot_from_starting() -> None:
    table = {"default": {"places": {"x/*": {"roles": {"mod": {"judge": "nobody"}}}}}}
    with pytest.raises(ConfigError, match="names no judge 'nobody'; configured moderators are first"):
        moderation(Scores(name="first", scores={}), policies=table)
    with pytest.raises(ConfigError, match="no moderator is configured"):
        moderation(Scores(name="llm", scores={}), policies=JUDGED)


GERMAN = "Wie funktioniert das eigentlich ganz genau?"
ENGLISH = "How does that work, in a little more detail?"


def english(**policy: object) -> tuple[Moderation, Scores, Scores]:
    knows = Scores(name="knows", scores={}, languages=("en",))
    judge = Scores(name="llm", scores={})
    quick = Phrases(scores={})
    policies = {"default": {"judge": "llm", **policy}}
    return moderation(quick, knows, judge, policies=policies), knows, judge


@pytest.mark.parametrize(
    ("unknown", "decision", "asked"),
    [
        ("classify", Decision.ALLOW, [1, 0]),
        ("rules", Decision.ALLOW, [0, 0]),
        ("judge", Decision.ALLOW, [0, 1]),
        ("refuse", Decision.BLOCK, [0, 0]),
    ],
)
async def test_the_policy_says_what_becomes_of_other_languages(
    unknown: str, decision: Decision, asked: list[int]
) -> None:
    court, knows, judge = english(unknown_language=unknown)
    assert (await court.judge(passage(GERMAN))).decision is decision
    assert [len(knows.asked), len(judge.asked)] == asked
    assert (await court.judge(passage(ENGLISH))).decision is Decision.ALLOW
    assert len(knows.asked) == asked[0] + 1


async def test_a_text_too_short_to_tell_is_in_the_language_of_the_place() -> None:
    court, knows, _ = english(unknown_language="refuse")
    assert (await court.judge(passage("Hallo Welt"))).decision is Decision.ALLOW
    assert len(knows.asked) == 1
    first = Scores(name="first", scores={}, languages=("en",))
    policies = {"default": {"unknown_language": "refuse"}}
    court = moderation(Phrases(scores={}), first, language="de", policies=policies)
    assert (await court.judge(passage("Hallo Welt"))).decision is Decision.BLOCK


async def test_nobody_left_to_ask_is_a_block() -> None:
    knows = Scores(name="knows", scores={}, languages=("en",))
    court = moderation(knows, policies={"default": {"unknown_language": "rules"}})
    assert (await court.judge(passage(GERMAN))).kind == "error"


async def test_the_trace_names_the_language_where_it_matters() -> None:
    court, _, _ = english()
    _, turn = await run(court, saying("So geht das: man nimmt es und legt es dann dorthin."), a_turn(ENGLISH))
    assert [dict(step.facts)["language"] for step in turn.trace.steps] == ["en", "de"]
    _, turn = await run(moderation(Scores(scores={})), saying(ENGLISH), a_turn(ENGLISH))
    assert not any("language" in dict(step.facts) for step in turn.trace.steps)


async def test_a_refused_language_calls_no_model() -> None:
    court, _, _ = english(unknown_language="refuse")
    actions, turn = await run(court, never, a_turn(GERMAN))
    assert [type(action) for action in actions] == [Finish]
    assert "language de" in str(dict(turn.trace.steps[0].facts)["rule"])


async def test_what_operators_changed_is_in_force_when_the_bot_opens() -> None:
    store = MemoryStore(clock=ManualClock())
    table = {"categories": {"hate": {"block": "never"}}}
    await store.change_policy("default", table, what="test", actor=None)
    services = Services(
        name="moderation",
        data=Path(),
        base=Path(),
        moderators={"first": Scores(name="first", scores=GREY)},
        store=store,
    )
    async with component.open(ModerationSettings(), services) as court:
        verdict: Verdict = await court.judge(passage("black"))
    assert verdict.decision is Decision.FLAG
