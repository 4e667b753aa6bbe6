"""Active selection: the task that tells most, a uniform slice, and the probability of each choice kept."""

from __future__ import annotations

from collections import Counter

import pytest
from ranking_stand import asking

from rostra.benches.feedback import said
from rostra.feedback.outset import Answered, begin
from rostra.feedback.selecting import SELECT, Selector
from rostra.feedback.statistics.selection import Plan
from rostra.feedback.values import Campaign
from rostra.places import Person
from rostra.storage.memory import MemoryStore
from rostra.testing.ballots import campaign
from rostra.testing.clock import ManualClock
from rostra.testing.samples import NOON

ACTIVE = campaign(k=2, overlap=1, more={SELECT: "active"})
GREEDY = Plan(start=0, uniform=0.01, floor=0.01)


async def begun(plan: Campaign = ACTIVE) -> MemoryStore:
    """Return a store where a and b met thirty times and c nobody, with twenty questions left of each kind."""
    store = MemoryStore(clock=ManualClock())
    pairs = [("a", "b")] * 50 + [("a", "c")] * 20
    asked = [
        Answered(question=f"{number}?", answers=((one, f"{number} x"), (other, f"{number} y")))
        for number, (one, other) in enumerate(pairs)
    ]
    await begin(store, plan, asked, None, NOON)
    person = await store.pseudonym("fake", Person(id="ann"))
    for task in (await store.tasks(plan.id))[:30]:
        held = await store.lease(plan.id, person, task=task.id)
        assert held is not None
        await store.judge(said(held))
    return store


async def kinds(store: MemoryStore, plan: Plan, times: int = 60) -> Counter[str]:
    """Return how often a task with c was picked, and one without."""
    selector = Selector(store, ManualClock(), plan)
    tasks = [one.id for one in await store.tasks(ACTIVE.id)]
    picks = [await selector.pick(ACTIVE, ()) for _ in range(times)]
    return Counter("c" if one and tasks.index(one.task) >= 50 else "b" for one in picks)


async def test_what_is_least_known_is_asked_first() -> None:
    found = await kinds(await begun(), GREEDY)
    assert found["c"] > 2 * found["b"]


async def test_at_the_beginning_tasks_are_drawn_uniformly_and_say_so() -> None:
    selector = Selector(await begun(), ManualClock())
    picks = [await selector.pick(ACTIVE, ()) for _ in range(20)]
    assert all(one is not None and one.propensity is None for one in picks)


async def test_a_campaign_that_does_not_say_so_goes_by_its_queue() -> None:
    plan = campaign(k=2, overlap=1)
    assert await Selector(await begun(plan), ManualClock()).pick(plan, ()) is None


async def test_the_probability_of_a_choice_is_in_what_is_judged() -> None:
    store = await begun()
    selector = Selector(store, ManualClock(), Plan(start=0, uniform=0.000001))
    picked = await selector.pick(ACTIVE, ())
    assert picked is not None
    assert picked.propensity is not None
    person = await store.pseudonym("fake", Person(id="ben"))
    held = await store.lease(ACTIVE.id, person, task=picked.task)
    assert held is not None
    await selector.picked(picked)
    await store.judge(said(held))
    (judged,) = [one async for one in store.judged(ACTIVE.id) if one.task == picked.task]
    assert judged.propensity == pytest.approx(picked.propensity)


async def test_operators_switch_it_on_and_raters_get_every_ballot_once() -> None:
    async with asking() as chat:
        await chat.ask("/privacy allow rate")
        await chat.operate("/rank campaign new eggs pair 2")
        assert "no way to select" in await chat.operate("/rank campaign set eggs select wild")
        assert "`select` is `active` now" in await chat.operate("/rank campaign set eggs select active")
        for number in range(3):
            await chat.ask(f"how long does egg number {number} take?")
            await chat.operate("/rank campaign add eggs")
        seen = set[str]()
        for _ in range(3):
            shown = await chat.ask("/rank next")
            assert await chat.ask("/rank next") == shown
            seen.add(shown)
            await chat.ask("/rank vote A > B")
        assert (await chat.ask("/rank next")).startswith("There is nothing for you")
