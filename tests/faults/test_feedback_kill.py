"""``kill -9`` while people rate: no judgment that was acknowledged is lost, none counts twice, no task goes to too many."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from rostra.clock import SystemClock
from rostra.storage import open_store
from rostra.testing.ballots import asked, begun
from rostra.testing.postgres import postgres

SOAK = settings.default is not None and settings.default.max_examples > 1000
KILLS = 30 if SOAK else 4
ENGINES = ("sqlite", "postgresql") if SOAK else ("sqlite",)
AT_ONCE = 8
TASKS = 40


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/rostra.db"
        return
    with postgres({}) as server:  # with its own care for the disk
        yield server.url(server.database())


async def killed(process: Process, line: str, lines: int) -> set[str]:
    """Have a process rate, kill it after ``lines`` were acknowledged, and return all that were."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line.encode())
    pid = int(await process.stdout.readline())
    acknowledged: set[str] = set()
    for _ in range(lines):
        told = (await process.stdout.readline()).decode().strip()
        assert told not in {"", "gone"}, "it ended before it was killed"
        acknowledged.add(told)
    os.kill(pid, signal.SIGKILL)
    while (told := (await process.stdout.readline()).decode().strip()) != "gone":
        acknowledged.add(told)
    return acknowledged


@pytest.mark.slow
async def test_no_acknowledged_judgment_is_lost_and_none_counts_twice(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        plan = await begun(store, overlap=50)
        for number in range(TASKS * (1 + KILLS // 10)):
            await asked(store, plan, f"{number}?")
    script = str(Path(__file__).with_name("rating_victim.py"))
    process = await asyncio.create_subprocess_exec(sys.executable, script, stdin=PIPE, stdout=PIPE)
    dice = random.Random(11)
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        acknowledged |= await killed(process, f"{url} {tmp_path} {plan.id}\n", dice.randrange(1, 60))
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        found = [one async for one in store.judged(plan.id, superseded=True)]
        stored = Counter(one.judgment for one in found)
        assert acknowledged <= stored.keys()
        assert set(stored.values()) == {1}
        assert len(found) - len(acknowledged) <= KILLS * AT_ONCE, (
            "each cut off between commit and news at most"
        )
        assert {one.revision for one in found} == {1}, "what was sent again is no change of mind"
        assert len({(one.task, one.rater) for one in found}) == len(found)
        assert max(Counter(one.task for one in found).values()) <= 50
        assert all(len(one.candidates) == 4 and None not in one.tiers for one in found)
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / "rostra.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
