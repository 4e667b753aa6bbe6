"""What every store must do with what people say of answers, as tests.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ..chat import Sampling
from ..errors import StoreError
from ..feedback.judged import Judged, compared
from ..feedback.values import (
    AlreadyStored,
    Candidate,
    Exclusion,
    ExclusionTarget,
    Rating,
    Stored,
    Thumb,
    new_id,
)
from ..stores import Store
from ..versions import ModelVersion
from .ballots import asked, begun, ranked, said, somebody
from .samples import AWKWARD, NOON, ROOM, THREAD

ALWAYS = datetime(1990, 1, 1, tzinfo=UTC)
NEVER = datetime(2990, 1, 1, tzinfo=UTC)


TEXTS = ("B > A = C > D", "B > A", "+B -D", "!", "?", "report")


async def everything(store: Store, campaign: str | None = None, **options: Any) -> list[Judged]:
    """Return what `Store.judged` yields."""
    return [one async for one in store.judged(campaign, **options)]


class JudgmentContract:
    """Tests for the judgments of a store, which is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_a_judgment_comes_back_as_it_was_said(self, store: Store) -> None:
        plan = await begun(store, overlap=len(TEXTS))
        await asked(store, plan)
        for number, text in enumerate(TEXTS):
            held = await store.lease(plan.id, await somebody(store, f"p{number}"), surface="web")
            assert held is not None
            marks = tuple(
                Rating(candidate=one, axis=axis, value=value)
                for one in sorted(held.shown_order)[:2]
                for axis, value in (("kind", 5), ("true", 1))
            )
            one = said(
                held,
                text,
                ratings=marks,
                reason="shorter",
                comment=AWKWARD,
                duration_ms=12_345,
                guideline_version="2",
            )
            assert await store.judge(one) == Stored(judgment=one.id, revision=1)
            assert await store.judgment(one.id) == replace(one, revision=1)
            assert list(await store.revisions(held.id)) == [replace(one, revision=1)]
        assert await store.judgment(new_id()) is None

    @pytest.mark.asyncio
    async def test_a_judgment_counts_once_however_often_it_comes(self, store: Store) -> None:
        plan = await begun(store)
        await asked(store, plan)
        held = await store.lease(plan.id, await somebody(store, "ben"))
        assert held is not None
        one = said(held, source_event="discord 123")
        answers = await asyncio.gather(*(store.judge(one) for _ in range(5)))
        assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyStored"] * 4 + ["Stored"]
        again = await store.judge(replace(one, id=new_id()))
        assert again == AlreadyStored(judgment=one.id, revision=1), "the same press, whatever its id"
        assert [found.judgment for found in await everything(store)] == [one.id]

    @pytest.mark.asyncio
    async def test_a_change_of_mind_is_added_and_nothing_is_lost(self, store: Store) -> None:
        plan = await begun(store)
        await asked(store, plan)
        held = await store.lease(plan.id, await somebody(store, "ben"))
        assert held is not None
        first, second = said(held, "A > B"), said(held, "B > A")
        await store.judge(first)
        assert await store.judge(second) == Stored(judgment=second.id, revision=2)
        same = replace(first, id=new_id(), revision=1)
        assert await store.judge(same) == AlreadyStored(judgment=first.id, revision=1)
        other = said(held, "C > D", revision=1)
        assert await store.judge(other) == Stored(judgment=other.id, revision=3), "taken, and says otherwise"
        assert [one.id for one in await store.revisions(held.id)] == [first.id, second.id, other.id]
        assert [one.judgment for one in await everything(store)] == [other.id]
        all_ = await everything(store, superseded=True)
        assert [one.revision for one in sorted(all_, key=lambda one: one.revision)] == [1, 2, 3]

    @pytest.mark.asyncio
    async def test_what_fits_no_assignment_is_refused_and_hurts_nobody_else(self, store: Store) -> None:
        plan = await begun(store, overlap=3)
        await asked(store, plan)
        ben, cat = await somebody(store, "ben"), await somebody(store, "cat")
        held, other = await store.lease(plan.id, ben), await store.lease(plan.id, cat)
        assert held is not None
        assert other is not None
        good = said(held)
        swapped = held.shown_order[::-1]
        wrong = [
            replace(said(held), assignment=new_id()),
            replace(said(held), person=cat),
            replace(said(held), task=new_id()),
            replace(said(held), shown_order=swapped),
        ]
        answers = await asyncio.gather(*map(store.judge, [*wrong, good]), return_exceptions=True)
        assert [isinstance(answer, StoreError) for answer in answers] == [True] * 4 + [False]
        with pytest.raises(StoreError, match="no id of a judgment"):
            await store.judge(replace(good, id="17"))
        assert [one.judgment for one in await everything(store)] == [good.id]

    @pytest.mark.asyncio
    async def test_who_skips_or_reports_leaves_the_task_to_somebody_else(self, store: Store) -> None:
        plan = await begun(store)
        one = await asked(store, plan)
        await ranked(store, plan, "ben", "?")
        await ranked(store, plan, "cat", "report")
        await ranked(store, plan, "dan", "!")
        assert await store.lease(plan.id, await somebody(store, "eve")) is None
        found = {judged.outcome: judged for judged in await everything(store, plan.id)}
        assert found.keys() == {"skipped", "flagged", "all_bad"}
        assert all(judged.tiers == (None,) * 4 for judged in found.values())
        progress = await store.progress(plan.id)
        assert (progress.done, progress.submitted, progress.skipped, progress.raters) == (1, 1, 2, 3)
        assert progress.tasks == len(await store.tasks(plan.id, "")) == 1
        assert one.task.id == (await store.tasks(plan.id))[0].id

    @pytest.mark.asyncio
    async def test_statistics_read_all_that_figures_rest_on(self, store: Store) -> None:
        plan = await begun(store, overlap=2)
        one = await asked(store, plan, propensity=0.125, gold=())
        ann, ben = await somebody(store, "ann"), await somebody(store, "ben")
        held = await store.lease(plan.id, ben, surface="web")
        assert held is not None
        judgment = said(held, "+B -D", duration_ms=900)
        await store.judge(judgment)
        own = await ranked(store, plan, "ann", "A > B")
        found = {judged.judgment: judged for judged in await everything(store, plan.id)}
        by_id = {candidate.id: candidate for candidate in one.candidates}
        assert found[judgment.id] == Judged(
            judgment=judgment.id,
            task=one.task.id,
            prompt=one.batch.prompt,
            rater=ben,
            campaign=plan.id,
            outcome="ranked",
            candidates=held.shown_order,
            answerers=tuple(by_id[id_].answerer for id_ in held.shown_order),
            tiers=(2, 1, 2, 3),
            lengths=tuple(len(by_id[id_].text) for id_ in held.shown_order),
            duration_ms=900,
            surface="web",
            propensity=0.125,
            gold=False,
            at=NOON,
            excluded=False,
            loose=2,
            batch=one.batch.id,
            adapter="test",
            workspace=await store.workspace(THREAD),
            revision=1,
            is_author=False,
        )
        assert len(list(compared(found[judgment.id]))) == 5
        assert found[own.id].rater == ann
        assert found[own.id].is_author
        assert found[own.id].tiers[2:] == (None, None)

    @pytest.mark.asyncio
    async def test_what_is_judged_is_found_by_campaign_and_by_time_in_the_order_of_ids(
        self, store: Store
    ) -> None:
        plans = [await begun(store, name, overlap=3) for name in ("first", "second")]
        for plan in plans:
            await asked(store, plan)
        said_ = [(plan.id, await ranked(store, plan, name)) for name in "abc" for plan in plans]
        ids = sorted(one.id for _, one in said_)
        assert [one.judgment for one in await everything(store)] == ids
        mine = sorted(one.id for plan, one in said_ if plan == plans[0].id)
        assert [one.judgment for one in await everything(store, plans[0].id)] == mine
        assert [one.judgment for one in await everything(store, since=ALWAYS, until=NEVER)] == ids
        assert await everything(store, since=NEVER) == await everything(store, until=ALWAYS) == []

    @pytest.mark.asyncio
    async def test_what_is_excluded_does_not_count_until_it_is_readmitted(self, store: Store) -> None:
        plan = await begun(store, overlap=2)
        await asked(store, plan)
        bens = await ranked(store, plan, "ben")
        other = await begun(store, "other")
        await asked(store, other, "another?")
        cats = await ranked(store, other, "cat")
        targets: dict[ExclusionTarget, str] = {
            "judgment": bens.id,
            "person": bens.person,
            "candidate": bens.shown_order[2],
            "batch": (await everything(store, plan.id))[0].batch,
            "task": bens.task,
        }
        for kind, target in targets.items():
            out = Exclusion(id=new_id(), kind=kind, target=target, reason="spam", at=NOON, method="time")
            await store.exclude(out)
            await store.exclude(out)
            assert [one.judgment for one in await everything(store)] == [cats.id]
            flags = {one.judgment: one.excluded for one in await everything(store, excluded=True)}
            assert flags == {bens.id: True, cats.id: False}
            assert list(await store.exclusions()) == [out]
            await store.readmit(out.id)
            assert len(await everything(store)) == 2
            assert list(await store.exclusions()) == []
        assert [one.revoked_at is not None for one in await store.exclusions(revoked=True)] == [True] * 5

    @pytest.mark.asyncio
    async def test_somebody_may_be_excluded_from_one_campaign_only(self, store: Store) -> None:
        plans = [await begun(store, name) for name in ("first", "second")]
        for plan in plans:
            await asked(store, plan)
            await ranked(store, plan, "ben")
        ben = await somebody(store, "ben")
        await store.exclude(
            Exclusion(id=new_id(), kind="person", target=ben, campaign=plans[0].id, reason="x", at=NOON)
        )
        assert [one.campaign for one in await everything(store)] == [plans[1].id]
        with pytest.raises(StoreError, match="no exclusion"):
            await store.readmit(new_id())

    @pytest.mark.asyncio
    async def test_the_last_thumb_of_each_person_counts(self, store: Store) -> None:
        ben, cat, reply = await somebody(store, "ben"), await somebody(store, "cat"), new_id()

        def thumb(who: str, value: Any, minutes: int, **fields: Any) -> Thumb:
            at = NOON + timedelta(minutes=minutes)
            return Thumb(id=new_id(), reply=reply, person=who, value=value, at=at, place=THREAD, **fields)

        assert await store.thumb(thumb(ben, 1, 0, source_event="e"))
        assert not await store.thumb(thumb(ben, -1, 1, source_event="e")), "the same press"
        last = thumb(ben, -1, 2, reason="wrong", answerer="one")
        assert await store.thumb(last)
        assert not await store.thumb(last)
        for value, minutes in ((1, 3), (0, 4)):
            await store.thumb(thumb(cat, value, minutes))
        found = await store.thumbs(ALWAYS, ROOM)
        assert [(one.person, one.value, one.reason, one.answerer) for one in found] == [
            (ben, -1, "wrong", "one")
        ]
        assert list(await store.thumbs(ALWAYS, replace(ROOM, workspace="x"))) == []
        assert list(await store.thumbs(NEVER)) == []

    @pytest.mark.asyncio
    async def test_how_a_candidate_came_about_comes_back(self, store: Store) -> None:
        plan = await begun(store)
        one = await asked(store, plan)
        version = await store.model_version(ModelVersion(name="tiny"))
        sampling = await store.sampling_config(Sampling(seed=1))
        made = Candidate(
            id=new_id(),
            batch=one.batch.id,
            ordinal=7,
            text="made",
            answerer="tiny",
            model_version=version,
            sampling_config=sampling,
            seed=2**64 - 1,
            finish="stop",
            tokens=12,
            decision="flag",
            policy="p1",
            latency_ms=34,
            logprob=-1.5,
        )
        await store.add_candidates([made])
        assert (await store.shown([one.batch.id]))[0].candidates[4] == made
