"""What a campaign has shown: who is recommended, how much is missing, and who may read it in a chat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from ranking_stand import asking

from rostra.benches.feedback import begun, exported, filled, opened, stocked
from rostra.feedback.judged import Judged
from rostra.feedback.outset import Answered, begin
from rostra.feedback.results import Sides, described, of, said
from rostra.feedback.statistics.simulate import Study, crowd, simulated
from rostra.places import Person
from rostra.storage.memory import MemoryStore
from rostra.testing.ballots import campaign
from rostra.testing.clock import ManualClock
from rostra.testing.samples import NOON
from rostra.turns import Handler
from rostra.verdicts import Decision, Passage, Verdict
from rostra.views import File

PLAN = campaign(overlap=2)


def ballots(prompts: int, **strengths: float) -> Sequence[Judged]:
    study = Study(strengths=strengths, raters=crowd(6), prompts=prompts, k=2, overlap=2)
    return list(simulated(study, 3))


@pytest.mark.slow
def test_the_better_one_is_recommended_and_nothing_is_missing_then() -> None:
    found = of(PLAN, ballots(150, old=0.0, new=2.0), Sides(live="old", candidate="new"))
    assert found.recommended is not None
    assert (found.recommended.decision, found.missing) == ("promote", 0)
    assert said(found).startswith("Put `new` in the place of `old`")


@pytest.mark.slow
def test_a_few_ballots_say_how_many_more_are_needed() -> None:
    found = of(PLAN, ballots(8, old=0.0, new=1.0), Sides())
    advice = found.recommended
    assert advice is not None
    assert advice.decision == "more"
    assert advice.more is not None
    assert found.missing == 2 * advice.more > 0
    assert f"about {found.missing:,} ballots with 2 to a task" in said(found)


@pytest.mark.slow
def test_sides_picked_by_the_figures_need_more_evidence_than_sides_that_were_named() -> None:
    judged = ballots(100, a=0.0, b=0.2, c=0.4, d=0.6)
    picked, named = of(PLAN, judged, Sides()), of(PLAN, judged, Sides(live="c", candidate="d"))
    assert picked.recommended is not None
    assert named.recommended is not None
    assert (picked.recommended.live, picked.recommended.candidate) == ("c", "d")
    assert picked.recommended.evidence.low < named.recommended.evidence.low


def test_who_was_not_compared_cannot_be_chosen() -> None:
    judged = ballots(4, old=0.0, new=1.0)
    with pytest.raises(ValueError, match="'nobody' was not compared; "):
        of(PLAN, judged, Sides(live="nobody"))
    with pytest.raises(ValueError, match="its own place"):
        of(PLAN, judged, Sides(live="old", candidate="old"))


def test_a_campaign_without_ballots_is_plain_json_too() -> None:
    found = of(PLAN, [], Sides())
    row = json.loads(json.dumps(described(found), allow_nan=False))
    assert (row["ballots"], row["leaderboard"], row["recommendation"]) == (0, [], None)
    assert row["agreement"]["tau_b"]["value"] is None
    assert said(found).startswith("Nothing to decide yet")


class Strict:
    """Blocks whatever has a bomb in it."""

    async def judge(self, passage: Passage) -> Verdict:
        decision = Decision.BLOCK if "bomb" in passage.text else Decision.ALLOW
        return Verdict(decision=decision, source="strict", policy="7")

    def stage(self, inner: Handler) -> Handler:
        return inner


async def test_what_the_moderation_blocks_is_on_no_ballot() -> None:
    store = MemoryStore(clock=ManualClock())
    asked = [
        Answered(question="one?", answers=(("a", "x"), ("b", "a bomb"), ("c", "y")), right="A > B > C"),
        Answered(question="two?", answers=(("a", "x"), ("b", "a bomb"))),
        Answered(question="a bomb?", answers=(("a", "x"), ("b", "y"))),
    ]
    begun = await begin(store, PLAN, asked, Strict(), NOON)
    assert (begun.tasks, begun.blocked, begun.left_out) == (1, 2, 2)
    assert [one.status for one in await store.campaigns()] == ["open"]
    (task,) = await store.tasks(PLAN.id)
    (shown,) = await store.shown([task.batch])
    assert [one.text for one in shown.candidates] == ["x", "y"]
    assert {one.policy for one in shown.candidates} == {"7"}
    assert task.gold == ()


@pytest.mark.slow
async def test_operators_read_in_a_chat_what_a_campaign_has_shown_and_others_do_not() -> None:
    async with asking() as chat:
        for name in ("ann", "ben"):
            await chat.ask("/privacy allow rate", author=name)
        await chat.operate("/rank campaign new eggs pair 2 2")
        await chat.operate("/rank campaign add eggs")
        for name in ("ann", "ben"):
            await chat.ask("/rank next eggs", author=name)
            await chat.ask("/rank vote A > B", author=name)
        assert "1 of 1 tasks done, 2 ballots by 2 raters" in await chat.operate("/rank status eggs")
        assert "2 raters, 1 tasks" in await chat.operate("/rank agreement")
        assert "| rater |" in await chat.operate("/rank raters eggs")
        assert "Nothing to decide yet" in await chat.operate("/rank results eggs")
        assert "no campaign 'spam'" in await chat.operate("/rank results spam")
        for path in ("results", "leaderboard", "agreement", "raters", "status"):
            assert "operator" in (await chat.ask(f"/rank {path} eggs", author="ann")).lower()


@pytest.mark.slow
async def test_a_rater_is_left_out_with_a_reason_that_they_can_read_and_taken_back_in() -> None:
    async with asking() as chat:
        for name in ("ann", "ben"):
            await chat.ask("/privacy allow rate", author=name)
        await chat.operate("/rank campaign new eggs pair 2 2")
        await chat.operate("/rank campaign add eggs")
        for name in ("ann", "ben"):
            await chat.ask("/rank next eggs", author=name)
            await chat.ask("/rank vote A > B", author=name)
        ann = await chat.app.parts.store.pseudonym("fake", Person(id="ann"))
        assert "has no ballots" in await chat.operate("/rank exclude nobody eggs presses A always")
        assert "no longer counts" in await chat.operate(f"/rank exclude {ann} eggs presses A always")
        listed = await chat.operate("/rank raters eggs")
        assert f"{ann} is left out since" in listed
        assert "presses A always" in listed
        assert "0 raters, 0 tasks" in await chat.operate("/rank agreement eggs")
        assert "presses A always" in await chat.ask("/privacy", author="ann")
        assert "presses A always" not in await chat.ask("/privacy", author="ben")
        assert "counts again" in await chat.operate(f"/rank readmit {ann} eggs")
        assert "2 raters, 1 tasks" in await chat.operate("/rank agreement eggs")
        assert "is not left out" in await chat.operate(f"/rank readmit {ann} eggs")
        assert "exclude rater" in await chat.operate("/audit")
        assert "operator" in (await chat.ask(f"/rank exclude {ann} eggs no", author="ben")).lower()


@pytest.mark.slow
async def test_a_leaderboard_comes_with_a_picture() -> None:
    async with asking() as chat:
        store = chat.app.parts.store
        plan = campaign("eggs", place=chat.platform.place("general"), k=2)
        await begin(store, plan, [Answered(question="?", answers=(("a", "x"), ("b", "y")))], None, NOON)
        await chat.ask("/privacy allow rate", author="ann")
        assert "Nothing was compared" in await chat.operate("/rank leaderboard")
        await chat.ask("/rank next eggs", author="ann")
        await chat.ask("/rank vote A > B", author="ann")
        assert "| answerer |" in await chat.operate("/rank leaderboard")
        (picture,) = [part for part in chat.view.parts if isinstance(part, File)]
        assert picture.media_type == "image/png"
        assert picture.data.startswith(b"\x89PNG")


@pytest.mark.slow
async def test_what_the_bench_stores_is_what_it_exports(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        poll = await begun(store)
        assert await filled(poll, 0, 60) > 0
        await stocked(poll, 60, 90)
    assert (await exported(tmp_path, "bench"))["rows"] == 90
