"""``kill -9`` between reserving and settling: nothing is lost, nothing counts twice, nothing stays reserved for good."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from datetime import timedelta
from pathlib import Path

import pytest
from quota_victim import SHARES

from rostra.clock import SystemClock
from rostra.spending import Amounts, Bill
from rostra.storage import open_store
from rostra.stores import Store
from rostra.testing.clock import ManualClock
from rostra.testing.dockets import ALWAYS, NEVER
from rostra.testing.spendings import ASKED, SETTLED, TOOK, bill, share


async def killed(url: str, folder: Path) -> list[str]:
    script = str(Path(__file__).with_name("quota_victim.py"))
    process = await asyncio.create_subprocess_exec(sys.executable, script, url, str(folder), stdout=PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == -9
    return printed.decode().split()


async def bill_for(store: Store, reply: str) -> Bill:
    entry = await store.entry(reply)
    assert entry is not None
    return Bill(event=entry.event, reply=reply, answerer="default", model="tiny")


@pytest.mark.slow
async def test_what_was_reserved_when_the_process_was_killed_is_settled_or_reserved_again(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/rostra.db"
    settled, over, under_way = await killed(url, tmp_path)
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert list(await store.counted(SHARES)) == [SETTLED + ASKED + ASKED]
        assert await store.settle_left(SystemClock().now()) == 1, (
            "what it took is not known: all of it counts"
        )
        again = await bill_for(store, under_way)
        assert (await store.reserve(again, ASKED, SHARES)).refused is None
        assert list(await store.counted(SHARES)) == [SETTLED + ASKED + ASKED]
        store.settle(again, TOOK)
        assert list(await store.counted(SHARES)) == [SETTLED + ASKED + SETTLED]
        found = await store.spent(ALWAYS, NEVER, "model", None)
        assert [(one.messages, one.cost) for one in found] == [(3, 2 * SETTLED.cost + ASKED.cost)]
        for reply in (settled, over):
            store.settle(await bill_for(store, reply), None)
        assert list(await store.counted(SHARES)) == [SETTLED + ASKED + SETTLED]


@pytest.mark.slow
@pytest.mark.parametrize("url", ["", "memory:"])
async def test_what_questions_took_is_kept_for_four_hundred_days(url: str, tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_store(url, data=tmp_path, clock=clock) as store:
        store.settle(await bill(store), TOOK)
        soon = share("a", ends=clock.now() + timedelta(days=1), messages=9)
        late = share("b", ends=clock.now() + timedelta(days=500), messages=9)
        one = await bill(store)
        await store.reserve(one, ASKED, [soon, late])
        store.settle(one, TOOK)
        await clock.advance(400 * 24 * 3600)
        await store.purge(clock.now())
        assert [found.messages for found in await store.spent(ALWAYS, NEVER, "model", None)] == [2]
        assert list(await store.counted([soon, late])) == [Amounts(), SETTLED]
        await clock.advance(1)
        await store.purge(clock.now())
        assert list(await store.spent(ALWAYS, NEVER, "model", None)) == []
