"""The moderators and the policies together: who is asked, and who decides."""

from __future__ import annotations

from pathlib import Path

import pytest
from courtroom import (
    BAD,
    Censor,
    QuickCensor,
    moderation,
    never,
    refusal,
    run,
)

from rostra.actions import Finish
from rostra.components import Services
from rostra.errors import ConfigError
from rostra.routes import Route, Routes
from rostra.testing.moderators import passage
from rostra.verdicts import Decision, Passage, Verdict
from rostra_moderation.moderation import ModerationSettings, build, component


@pytest.mark.parametrize("make", [Censor, QuickCensor])
async def test_judging_and_the_stage_agree(make: type[Censor]) -> None:
    judge = moderation(make())
    for text, decision in (("fine", Decision.ALLOW), ("doubtful", Decision.FLAG), (BAD, Decision.BLOCK)):
        verdict = await judge.judge(passage(text))
        assert verdict.decision is decision
        assert verdict.policy


async def test_quick_moderators_are_asked_first_and_a_certain_block_spares_the_others() -> None:
    slow, quick = Censor(name="slow"), QuickCensor(name="quick")
    both = moderation(slow, quick)
    assert (await both.judge(passage(BAD))).source == "quick"
    assert slow.asked == []
    assert (await both.judge(passage("doubtful"))).decision is Decision.FLAG
    assert len(slow.asked) == 1


async def test_a_long_text_is_judged_without_holding_up_the_loop() -> None:
    class Awaited(QuickCensor):
        def judge_now(self, passage: Passage) -> Verdict:
            raise AssertionError("a long text was judged at once")

    censor = Awaited()
    verdict = await moderation(censor).judge(passage("word " * 5_000 + BAD))
    assert (verdict.decision, verdict.kind) == (Decision.BLOCK, "judged")


async def test_the_route_of_a_place_chooses_its_policy() -> None:
    services = Services(
        name="moderation",
        data=Path(),
        base=Path(),
        moderators={"censor": Censor()},
        routes=Routes([Route(place="test/*", policy="lax"), Route(place="fake/*", policy="gone")]),
    )
    lax = {"categories": {"hate": {"block": "never", "flag": "never"}}}
    judge = build(ModerationSettings.model_validate({"policies": {"lax": lax}}), services)
    assert (await judge.judge(passage(BAD))).decision is Decision.ALLOW
    actions, _ = await run(judge, never)
    assert actions == [Finish(reply="r1", text=refusal("broken"), ending="content_filter")]


async def test_without_a_moderator_moderation_does_not_open() -> None:
    services = Services(name="moderation", data=Path(), base=Path())
    with pytest.raises(ConfigError, match="no moderator is configured"):
        async with component.open(ModerationSettings(), services):
            pass
    with pytest.raises(ConfigError, match="no moderator 'judge'; configured are censor"):
        moderation(Censor(), moderators=["judge"])
    assert component.check is not None
    findings = await component.check(ModerationSettings(), services)
    assert [finding.ok for finding in findings] == [False]
