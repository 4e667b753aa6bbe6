"""Leases end by the clock, and several processes hand out each task exactly as often as it needs."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from rostra.clock import SystemClock
from rostra.feedback.values import Stored
from rostra.storage import open_store
from rostra.stores import Store
from rostra.testing.ballots import asked, begun, ranked, said, somebody
from rostra.testing.clock import ManualClock

RATERS = Path(__file__).parents[1] / "faults" / "rating_victim.py"
LEASE = 600.0
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


async def conflicts_of(url: str) -> int:
    """Return how many deadlocks PostgreSQL has found in the database."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        row = await (await connection.execute(DEADLOCKS)).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncGenerator[Store]:
    names = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}
    found = "memory:" if request.param == "memory" else request.getfixturevalue(names[request.param])
    async with open_store(found, data=tmp_path, clock=clock) as opened:
        yield opened


async def test_what_somebody_sits_on_for_too_long_goes_to_somebody_else(
    store: Store, clock: ManualClock
) -> None:
    plan = await begun(store, lease_seconds=LEASE)
    one = await asked(store, plan)
    ben, cat = await somebody(store, "ben"), await somebody(store, "cat")
    bens = await store.lease(plan.id, ben)
    assert bens is not None
    await clock.advance(LEASE - 1)
    assert await store.lease(plan.id, cat) is None
    await clock.advance(1)
    cats = await store.lease(plan.id, cat)
    assert cats is not None
    assert cats.task == one.task.id

    assert await store.lease(plan.id, ben) is None, "the place is taken"
    assert isinstance(await store.judge(said(bens)), Stored), "what was said late is not lost"
    assert isinstance(await store.judge(said(cats)), Stored)
    assert len([found async for found in store.judged()]) == 2


async def test_whoever_comes_back_late_goes_on_if_nobody_took_the_place(
    store: Store, clock: ManualClock
) -> None:
    plan = await begun(store, lease_seconds=LEASE)
    await asked(store, plan)
    ben = await somebody(store, "ben")
    first = await store.lease(plan.id, ben)
    await clock.advance(10 * LEASE)
    again = await store.lease(plan.id, ben)
    assert first is not None
    assert again is not None
    assert (again.id, again.shown_order) == (first.id, first.shown_order)
    assert (again.lease_until - clock.now()).total_seconds() == LEASE


async def test_every_tap_gives_more_time(store: Store, clock: ManualClock) -> None:
    plan = await begun(store, lease_seconds=LEASE)
    await asked(store, plan)
    bens = await store.lease(plan.id, await somebody(store, "ben"))
    assert bens is not None
    for _ in range(3):
        await clock.advance(LEASE - 1)
        await store.save_draft(bens.id, "B >")
        assert await store.lease(plan.id, await somebody(store, "cat")) is None
    await clock.advance(LEASE)
    await store.save_draft(bens.id, "B > A")
    assert await store.lease(plan.id, await somebody(store, "cat")) is not None, "too late to hold it"


async def test_the_share_of_a_day_comes_back_with_time(store: Store, clock: ManualClock) -> None:
    plan = await begun(store, caps_per_day=1)
    for number in range(3):
        await asked(store, plan, f"{number}?")
    await ranked(store, plan, "ben")
    ben = await somebody(store, "ben")
    await clock.advance(86_400 - 1)
    assert await store.lease(plan.id, ben) is None
    await clock.advance(1)
    assert await store.lease(plan.id, ben) is not None


async def test_who_changes_their_mind_to_no_opinion_leaves_the_task_open_again(store: Store) -> None:
    plan = await begun(store)
    one = await asked(store, plan)
    held = await store.lease(plan.id, await somebody(store, "ben"))
    assert held is not None
    await store.judge(said(held))
    assert await store.lease(plan.id, await somebody(store, "cat")) is None
    await store.judge(said(held, "?"))
    assert await store.lease(plan.id, await somebody(store, "cat")) is not None
    assert await store.task(one.task.id) == replace(one.task, status="open")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["memory:", ""], ids=["memory", "sqlite"])
async def test_answers_are_shown_in_every_order_as_often_as_in_any_other(name: str, tmp_path: Path) -> None:
    async with open_store(name, data=tmp_path, clock=ManualClock()) as store:
        plan = await begun(store, overlap=48)
        orders: Counter[tuple[int, ...]] = Counter()
        people = await asyncio.gather(*(somebody(store, f"p{number}") for number in range(48)))
        for number in range(5):
            one = await asked(store, plan, f"{number}?", answers=("a", "b", "c"))
            leased = await asyncio.gather(
                *(store.lease(plan.id, person, task=one.task.id) for person in people)
            )
            taken = [held for held in leased if held is not None]
            for held in taken:
                orders[tuple(one.task.candidates.index(each) for each in held.shown_order)] += 1
            await asyncio.gather(*(store.release(held.id) for held in taken))
    assert (len(orders), sum(orders.values())) == (6, 240)
    # chi squared with 5 degrees of freedom is above 35.9 once in a million times
    assert sum((count - 40) ** 2 / 40 for count in orders.values()) < 35.9


async def test_two_processes_that_store_what_two_say_of_one_task_do_not_wait_for_one_another(
    postgres_url: str, tmp_path: Path
) -> None:
    # What refers to a task shares a lock on it: two that share it, and each wants it alone, wait for ever.
    one, other = (open_store(postgres_url, data=tmp_path, clock=SystemClock()) for _ in range(2))
    async with one as here, other as there:
        plan = await begun(here, overlap=2)
        ben, cat = await somebody(here, "ben"), await somebody(there, "cat")
        before = await conflicts_of(postgres_url)
        for number in range(40):
            await asked(here, plan, f"{number}?")
            bens, cats = await here.lease(plan.id, ben), await there.lease(plan.id, cat)
            assert bens is not None
            assert cats is not None
            stored = await asyncio.gather(here.judge(said(bens)), there.judge(said(cats)))
            assert [type(each) for each in stored] == [Stored, Stored]
        assert await conflicts_of(postgres_url) == before


@pytest.mark.slow
async def test_sixteen_raters_in_several_processes_give_each_task_exactly_three(
    url: str, tmp_path: Path
) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        plan = await begun(store, overlap=3)
        tasks = [(await asked(store, plan, f"{number}?")).task.id for number in range(20)]
        raters = [
            await asyncio.create_subprocess_exec(
                sys.executable, str(RATERS), url, str(tmp_path), plan.id, *names, stdout=PIPE
            )
            for names in (tuple(f"p{4 * part + number}" for number in range(4)) for part in range(4))
        ]
        printed = b"".join([(await process.communicate())[0] for process in raters])
        assert [process.returncode for process in raters] == [0] * 4
        acknowledged = printed.decode().split()
        found = [one async for one in store.judged(plan.id)]
        assert sorted(acknowledged) == [one.judgment for one in found]
        assert Counter(one.task for one in found) == dict.fromkeys(tasks, 3)
        assert len({(one.task, one.rater) for one in found}) == 60
        progress = await store.progress(plan.id)
        assert (progress.done, progress.leased, progress.submitted) == (20, 0, 60)
