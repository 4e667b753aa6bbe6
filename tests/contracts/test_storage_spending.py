"""Two processes that share a database never grant more together than there is."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from rostra.clock import SystemClock
from rostra.spending import Amounts
from rostra.storage import open_store
from rostra.testing.spendings import ASKED, bill, share


@pytest.mark.slow
async def test_sixteen_questions_in_two_processes_get_no_more_than_there_is(url: str, tmp_path: Path) -> None:
    shares = [share("a", messages=5), share("b", tokens=100_000)]
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(open_store(url, data=tmp_path, clock=SystemClock()))
            for _ in range(2)
        ]
        asked = [(store, await bill(store)) for _ in range(8) for store in stores]
        granted = await asyncio.gather(*(store.reserve(one, ASKED, shares) for store, one in asked))
        assert sum(one.refused is None for one in granted) == 5
        for store in stores:
            assert (await store.counted(shares))[0] == Amounts(messages=5, tokens=500, cost=200)
