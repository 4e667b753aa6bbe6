"""What goes wrong around a database costs nothing that was acknowledged, and is one clear line."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rostra.actions import Finish
from rostra.clock import SystemClock
from rostra.delivery.reply import ask
from rostra.errors import StoreError
from rostra.storage import open_store
from rostra.storage.sql import SqlStore
from rostra.testing.samples import ROOM, STEPS, VERDICTS, question
from rostra.testing.stores import accepted

ONE_LINE = 200


@pytest.fixture
def url(tmp_path: Path) -> str:
    # Whoever is locked out waits no longer than this; it is five seconds where nothing is said.
    return f"sqlite:///{tmp_path / 'rostra.db'}?timeout=0.05"


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncGenerator[SqlStore]:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        yield store


async def pragma(store: SqlStore, text: str) -> int:
    """Set something on the connection that writes, past the queue, and return what it is now."""

    def run() -> int:
        with store.database.writing.connect() as connection:
            driver: Any = connection.connection.driver_connection
            row = driver.execute(f"PRAGMA {text}").fetchone()
            return 0 if row is None else row[0]

    return await asyncio.get_running_loop().run_in_executor(store.database.writer_thread, run)


async def refused(store: SqlStore) -> str:
    """Try everything that writes, and return the one line that it all fails with."""
    reply = (await store.unfinished())[0].reply
    writes = [
        store.accept(question()),
        store.advance(ask(reply, Finish(reply=reply.id, text="!"))),
        store.choose(ROOM, "persona", "sage"),
        store.audit(None, "change", "room", {}),
        store.forget(ROOM),
    ]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(result, StoreError) for result in results)
    (line,) = {str(result) for result in results}
    assert "\n" not in line
    assert len(line) < ONE_LINE
    return line


async def test_a_database_turned_read_only_is_one_clear_error(store: SqlStore) -> None:
    first = await accepted(store, question("why?"))
    await pragma(store, "query_only = ON")
    assert "read-only" in await refused(store)
    assert [entry.reply for entry in await store.unfinished()] == [first]
    await pragma(store, "query_only = OFF")
    await accepted(store, question("and now?"))


async def test_a_read_only_file_is_one_clear_error(store: SqlStore, tmp_path: Path) -> None:
    await accepted(store, question())
    url = f"sqlite:///file:{tmp_path / 'rostra.db'}?mode=ro&uri=true"
    with pytest.raises(StoreError, match=r"^the database is read-only; check"):
        async with open_store(url, data=tmp_path, clock=SystemClock()) as other:
            await other.accept(question())


async def test_a_full_disk_loses_nothing_that_was_accepted(store: SqlStore) -> None:
    event = question("why?")
    taken = [await accepted(store, event)]
    await pragma(store, f"max_page_count = {await pragma(store, 'page_count') + 8}")
    refusal = ""
    while not refusal:
        try:
            taken.append(await accepted(store, question("x" * 500)))
        except StoreError as error:
            refusal = str(error)
    assert refusal == "the disk under the database is full"
    assert [entry.reply for entry in await store.unfinished()] == taken

    store.remember(event, taken[0].id, "why?", "y" * 5_000)
    store.explain(event, taken[0].id, STEPS, VERDICTS)
    last = ask(taken[0], Finish(reply=taken[0].id, text="because."))
    with pytest.raises(StoreError, match="full"):
        await store.advance(last)
    await pragma(store, "max_page_count = 1000000")
    await store.advance(last)
    assert [entry.reply for entry in await store.unfinished()] == [last, *taken[1:]]
    assert [one.text for one in await store.recall(ROOM, 10)] == ["why?", "y" * 5_000]
    assert await store.explanation(ROOM, last.id) is not None


async def test_what_nobody_waits_for_is_kept_until_there_is_room(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        event = question("why?")
        reply = await accepted(store, event)
        with closing(sqlite3.connect(tmp_path / "rostra.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            store.remember(event, reply.id, "why?", "because.")
            store.explain(event, reply.id, STEPS, VERDICTS)
            for _ in range(2):
                with pytest.raises(StoreError, match=r"^the database is locked by another process$"):
                    await store.accept(question())
            other.execute("ROLLBACK")
        await accepted(store, question())
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert [one.text for one in await store.recall(ROOM, 10)] == ["why?", "because."]
        assert await store.explanation(ROOM, reply.id) is not None
        assert len(await store.unfinished()) == 2


async def test_reading_goes_on_while_another_process_writes(store: SqlStore, tmp_path: Path) -> None:
    reply = await accepted(store, question())
    with closing(sqlite3.connect(tmp_path / "rostra.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert [entry.reply for entry in await store.unfinished()] == [reply]
        assert "locked" in await refused(store)


async def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "rostra.db").write_bytes(random.Random(1).randbytes(8192))
    with pytest.raises(StoreError, match=r"^the file is not a database$"):
        async with open_store("", data=tmp_path, clock=SystemClock()):
            pass


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("mysql://x/y", "no store for 'mysql'"),
        ("nonsense", "cannot be read; write sqlite:///FILE"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////dev/null/x.db", "cannot be opened"),
    ],
)
async def test_a_url_that_leads_nowhere_is_one_clear_error(url: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=line):
        async with open_store(url, data=tmp_path, clock=SystemClock()):
            pass


async def test_an_error_in_the_block_comes_out_as_it_is(url: str, tmp_path: Path) -> None:
    async def break_off() -> None:
        async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
            await accepted(store, question())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await break_off()
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert len(await store.unfinished()) == 1


async def test_a_cancelled_block_still_writes_what_was_put_down(url: str, tmp_path: Path) -> None:
    ready = asyncio.Event()

    async def block() -> None:
        async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
            event = question("why?")
            reply = await accepted(store, event)
            store.remember(event, reply.id, "why?", "because.")
            ready.set()
            await asyncio.Event().wait()

    running = asyncio.ensure_future(block())
    await ready.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert len(await store.recall(ROOM, 10)) == 2


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'rostra.db'}"
    script = Path(__file__).with_name("store_victim.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    dice = random.Random(7)
    acknowledged: set[str] = set()
    for _ in range(6):
        process.stdin.write(f"{url} {tmp_path}\n".encode())
        pid = int(await process.stdout.readline())
        for _ in range(dice.randrange(1, 120)):
            line = (await process.stdout.readline()).decode().strip()
            assert line not in {"", "gone"}, "it ended before it was killed"
            acknowledged.add(line)
        os.kill(pid, signal.SIGKILL)
        while (line := (await process.stdout.readline()).decode().strip()) != "gone":
            acknowledged.add(line)
    process.stdin.close()
    assert await process.wait() == 0
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        stored = [entry.event.id for entry in await store.unfinished()]
        assert len(stored) == len(set(stored))
        assert acknowledged <= set(stored)
        # Each of the eight who accepted at a time may have been cut off between the commit and its news.
        assert len(stored) - len(acknowledged) <= 6 * 8
    with closing(sqlite3.connect(tmp_path / "rostra.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
