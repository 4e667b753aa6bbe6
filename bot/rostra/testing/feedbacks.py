"""What every store must do with ballots and what people say of them, as tests.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ..errors import StoreError
from ..feedback.values import Stored, new_id
from ..places import Person
from ..stores import Store
from .ballots import asked, begun, campaign, ranked, said, somebody
from .samples import AWKWARD, ROOM, THREAD


class BallotContract:
    """Tests for campaigns, questions and leases of a store, which is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_somebody_has_one_pseudonym_on_a_platform_and_it_leads_back(self, store: Store) -> None:
        ann = await store.pseudonym("test", Person(id="ann"))
        assert await store.pseudonym("test", Person(id="ann", roles=frozenset({"rater"}))) == ann
        assert await store.pseudonym("other", Person(id="ann")) != ann
        assert await store.account(ann) == ("test", "ann")
        assert await store.account(new_id()) is None

    @pytest.mark.asyncio
    async def test_a_campaign_comes_back_as_it_was_saved_last(self, store: Store) -> None:
        plan = await begun(store, AWKWARD, mode="pair", k=2, budget=9, more={"a": [1, None, "x"]})
        assert await store.campaign(plan.id) == plan
        changed = replace(plan, status="paused", overlap=3)
        await store.save_campaign(changed)
        assert await store.campaign(plan.id) == changed
        assert await store.campaign(new_id()) is None
        assert await store.campaign("no id") is None

    @pytest.mark.asyncio
    async def test_campaigns_are_listed_by_workspace_and_their_names_are_their_own_there(
        self, store: Store
    ) -> None:
        first = await begun(store, "first")
        second = await begun(store, "second", status="draft")
        elsewhere = await begun(store, "first", place=replace(ROOM, workspace="elsewhere"))
        assert [plan.id for plan in await store.campaigns(THREAD)] == [second.id, first.id]
        assert [plan.id for plan in await store.campaigns(THREAD, "open")] == [first.id]
        assert {plan.id for plan in await store.campaigns()} == {first.id, second.id, elsewhere.id}
        with pytest.raises(StoreError, match="choose another name"):
            await store.save_campaign(campaign("first"))

    @pytest.mark.asyncio
    async def test_a_guideline_stays_what_it_was_under_its_version(self, store: Store) -> None:
        plan = await begun(store, guideline="Be fair.", guideline_version="1")
        await store.save_campaign(replace(plan, guideline="Be kind.", guideline_version="2"))
        assert await store.guideline(plan.id, "1") == "Be fair."
        assert await store.guideline(plan.id, "2") == "Be kind."
        assert await store.guideline(plan.id, "3") is None
        with pytest.raises(StoreError, match="another version"):
            await store.save_campaign(replace(plan, guideline="Be quick.", guideline_version="1"))

    @pytest.mark.asyncio
    async def test_a_question_and_its_answers_come_back_as_they_were(self, store: Store) -> None:
        plan = await begun(store)
        one = await asked(store, plan, AWKWARD, answers=(AWKWARD, "", "two"), gold=())
        two = await asked(store, plan, "and then?")
        found = await store.shown([two.batch.id, new_id(), one.batch.id])
        assert [shown.batch for shown in found] == [two.batch, one.batch]
        assert found[1].candidates == one.candidates
        assert found[1].batch.question == AWKWARD
        assert found[1].batch.authors == {await somebody(store, "ann")}
        assert await store.task(one.task.id) == one.task
        assert await store.task(new_id()) is None
        assert [task.id for task in await store.tasks(plan.id)] == [one.task.id, two.task.id]
        assert [task.id for task in await store.tasks(plan.id, one.task.id)] == [two.task.id]

    @pytest.mark.asyncio
    async def test_the_same_question_has_the_same_prompt_however_it_is_written(self, store: Store) -> None:
        plan = await begun(store)
        prompts = [
            (await asked(store, plan, text, asker=asker)).batch.prompt
            for text, asker in (
                ("Why is it so?", "ann"),
                (" why  IS it so?\n", "ben"),
                ("Why is it not so?", "ann"),
            )
        ]
        assert prompts[0] == prompts[1] != prompts[2]
        assert "why" not in prompts[0]

    @pytest.mark.asyncio
    async def test_what_is_added_again_is_there_once(self, store: Store) -> None:
        plan = await begun(store)
        one = await asked(store, plan)
        again = await store.add_batch(one.batch, one.candidates, [one.task])
        assert again.prompt == one.batch.prompt
        assert [shown.candidates for shown in await store.shown([one.batch.id])] == [one.candidates]
        assert len(await store.tasks(plan.id)) == 1
        more = replace(one.candidates[0], id=new_id(), ordinal=4, text="late", characters=4)
        await store.add_candidates([more])
        assert [shown.candidates[4] for shown in await store.shown([one.batch.id])] == [more]
        with pytest.raises(StoreError, match="ordinal 4 already"):
            await store.add_candidates([replace(more, id=new_id())])

    @pytest.mark.asyncio
    async def test_what_refers_to_nothing_is_refused_whole(self, store: Store) -> None:
        plan = await begun(store)
        one = await asked(store, plan)
        stray = replace(one.task, id=new_id(), candidates=(new_id(),))
        fresh = replace(one.batch, id=new_id())
        with pytest.raises(StoreError, match="no candidate"):
            await store.add_batch(fresh, [], [stray])
        assert list(await store.shown([fresh.id])) == []
        with pytest.raises(StoreError, match="no batch"):
            await store.add_candidates([replace(one.candidates[0], id=new_id(), batch=new_id())])
        with pytest.raises(StoreError, match="no campaign"):
            await store.add_tasks([replace(one.task, id=new_id(), campaign=new_id())])
        with pytest.raises(StoreError, match="no campaign"):
            await store.lease(new_id(), await somebody(store, "ben"))

    @pytest.mark.asyncio
    async def test_a_ballot_shows_all_answers_in_an_order_of_its_own(self, store: Store) -> None:
        plan = await begun(store, overlap=50)
        one = await asked(store, plan, answers=[str(number) for number in range(9)])
        orders: set[tuple[str, ...]] = set()
        for number in range(12):
            held = await store.lease(plan.id, await somebody(store, f"p{number}"), surface="web")
            assert held is not None
            assert sorted(held.shown_order) == sorted(one.task.candidates)
            assert (held.task, held.batch, held.campaign) == (one.task.id, one.batch.id, plan.id)
            assert (held.state, held.surface, held.draft) == ("leased", "web", "")
            assert await store.assignment(held.id) == held
            orders.add(held.shown_order)
        assert len(orders) > 6
        first = await store.lease(plan.id, await somebody(store, "x"), seed=7)
        second = await store.lease(plan.id, await somebody(store, "y"), seed=7)
        assert first is not None
        assert second is not None
        assert first.shown_order == second.shown_order

    @pytest.mark.asyncio
    async def test_whoever_has_one_in_hand_gets_it_again(self, store: Store) -> None:
        plan = await begun(store)
        await asked(store, plan)
        await asked(store, plan, "and?")
        ben = await somebody(store, "ben")
        first, second = await store.lease(plan.id, ben), await store.lease(plan.id, ben)
        assert first is not None
        assert second is not None
        assert (first.id, first.shown_order) == (second.id, second.shown_order)
        assert [held.id for held in await store.assignments(ben)] == [first.id]
        assert list(await store.assignments(ben, new_id())) == []

    @pytest.mark.asyncio
    async def test_nobody_gets_a_task_twice_nor_more_people_than_it_needs(self, store: Store) -> None:
        plan = await begun(store, overlap=2)
        one = await asked(store, plan)
        for name in ("ben", "cat"):
            await ranked(store, plan, name)
        for name in ("ben", "cat", "dan"):
            assert await store.lease(plan.id, await somebody(store, name)) is None
        task = await store.task(one.task.id)
        assert task is not None
        assert task.status == "done"

    @pytest.mark.asyncio
    async def test_tasks_are_handed_out_by_priority_and_some_to_one_person_only(self, store: Store) -> None:
        plan = await begun(store)
        ben = await somebody(store, "ben")
        low = await asked(store, plan, "low?", priority=-1.0)
        mid = await asked(store, plan, "mid?")
        own = await asked(store, plan, "own?", priority=9.0, reserved_for=ben, repeat_of=mid.task.id)
        await store.prioritise({low.task.id: (3.5, 0.25)})
        found = await store.task(low.task.id)
        assert found is not None
        assert (found.priority, found.propensity) == (3.5, 0.25)
        order = [(await ranked(store, plan, "cat")).task for _ in range(2)]
        assert order == [low.task.id, mid.task.id]
        assert (await ranked(store, plan, "ben")).task == own.task.id

    @pytest.mark.asyncio
    async def test_a_task_can_be_asked_for_and_one_that_is_void_cannot_be_had(self, store: Store) -> None:
        plan = await begun(store)
        first, second = await asked(store, plan), await asked(store, plan, "and?")
        held = await store.lease(plan.id, await somebody(store, "ben"), task=second.task.id)
        assert held is not None
        assert held.task == second.task.id
        await store.void_task(first.task.id)
        assert await store.lease(plan.id, await somebody(store, "cat")) is None

    @pytest.mark.asyncio
    async def test_only_an_open_campaign_hands_out_ballots(self, store: Store) -> None:
        plan = await begun(store, status="paused")
        await asked(store, plan)
        ben = await somebody(store, "ben")
        assert await store.lease(plan.id, ben) is None
        await store.save_campaign(replace(plan, status="open"))
        assert await store.lease(plan.id, ben) is not None

    @pytest.mark.asyncio
    async def test_budget_and_share_of_the_day_bound_what_is_handed_out(self, store: Store) -> None:
        plan = await begun(store, "tight", budget=3, caps_per_day=2)
        for number in range(5):
            await asked(store, plan, f"{number}?")
        for _ in range(2):
            await ranked(store, plan, "ben")
        assert await store.lease(plan.id, await somebody(store, "ben")) is None
        await ranked(store, plan, "cat")
        assert await store.lease(plan.id, await somebody(store, "dan")) is None

    @pytest.mark.asyncio
    async def test_a_draft_is_kept_until_the_ballot_is_submitted(self, store: Store) -> None:
        plan = await begun(store)
        await asked(store, plan)
        held = await store.lease(plan.id, await somebody(store, "ben"))
        assert held is not None
        for draft in ("B", f"B > {AWKWARD}"):
            await store.save_draft(held.id, draft)
            there = await store.assignment(held.id)
            assert there is not None
            assert there.draft == draft
            assert there.lease_until >= held.lease_until
        await store.judge(said(held))
        await store.save_draft(held.id, "too late")
        there = await store.assignment(held.id)
        assert there is not None
        assert (there.state, there.draft) == ("submitted", "")
        with pytest.raises(StoreError, match="no assignment"):
            await store.save_draft(new_id(), "B")

    @pytest.mark.asyncio
    async def test_what_is_given_back_goes_to_somebody_else(self, store: Store) -> None:
        plan = await begun(store)
        await asked(store, plan)
        held = await store.lease(plan.id, await somebody(store, "ben"))
        assert held is not None
        assert await store.lease(plan.id, await somebody(store, "cat")) is None
        await store.release(held.id)
        assert await store.lease(plan.id, await somebody(store, "ben")) is None, "nobody gets one twice"
        assert await store.lease(plan.id, await somebody(store, "cat")) is not None
        assert isinstance(await store.judge(said(held)), Stored), "what somebody says counts all the same"

    @pytest.mark.asyncio
    async def test_many_raters_at_once_get_each_task_as_often_as_it_needs(self, store: Store) -> None:
        plan = await begun(store, overlap=3)
        tasks = [(await asked(store, plan, f"{number}?")).task for number in range(8)]

        async def rate(name: str) -> None:
            person = await somebody(store, name)
            while (held := await store.lease(plan.id, person)) is not None:
                await store.judge(said(held))

        await asyncio.gather(*(rate(f"p{number}") for number in range(16)))
        counts = {task.id: 0 for task in tasks}
        async for one in store.judged(plan.id):
            counts[one.task] += 1
        assert set(counts.values()) == {3}
        progress = await store.progress(plan.id)
        assert (progress.tasks, progress.done, progress.submitted, progress.leased) == (8, 8, 24, 0)
        assert progress.raters >= 3
