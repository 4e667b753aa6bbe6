"""The log of changes shows afterwards whether somebody meddled with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from rostra.clock import SystemClock
from rostra.storage import open_store
from rostra.storage.database import Database, url_of
from rostra.storage.schema import metadata
from rostra.storage.sql import SqlStore
from rostra.testing.samples import ANN, ROOM, question
from rostra.testing.stores import accepted

LOG = metadata.tables["audit_log"]


async def fill(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        for number in range(5):
            await store.audit(ANN if number % 2 else None, "change", ROOM.key, {"b": "ü", "a": str(number)})


async def verified(url: str, tmp_path: Path) -> tuple[int, int | None]:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        found = await store.verify_audit()
        return found.entries, found.broken


def meddle(url: str, *statements: sa.Executable) -> None:
    """Do what nobody may, as the owner of the database can."""
    opened = Database(url_of(url, Path()))
    with opened.writing.begin() as connection:
        if opened.is_sqlite:
            for name in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER audit_log_no_{name}")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_log DISABLE TRIGGER USER")
        for statement in statements:
            connection.execute(statement)
        if not opened.is_sqlite:
            connection.exec_driver_sql("ALTER TABLE audit_log ENABLE TRIGGER USER")
    opened.writing.dispose()


async def test_an_untouched_log_holds_also_after_a_restart(url: str, tmp_path: Path) -> None:
    assert await verified(url, tmp_path) == (0, None)
    await fill(url, tmp_path)
    await fill(url, tmp_path)
    assert await verified(url, tmp_path) == (10, None)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (sa.update(LOG).where(LOG.c.seq == 3).values(subject="elsewhere"), (2, 3)),
        (sa.update(LOG).where(LOG.c.seq == 3).values(detail={"a": "9", "b": "ü"}), (2, 3)),
        (sa.update(LOG).where(LOG.c.seq == 3).values(hash=bytes(32)), (2, 3)),
        (sa.update(LOG).where(LOG.c.seq == 2).values(actor_id=None), (1, 2)),
        (sa.delete(LOG).where(LOG.c.seq == 1), (0, 2)),
        (sa.delete(LOG).where(LOG.c.seq == 4), (3, 5)),
    ],
    ids=["subject", "detail", "hash", "actor", "first removed", "one removed"],
)
async def test_whoever_meddles_breaks_the_chain(
    url: str, tmp_path: Path, change: sa.Executable, found: tuple[int, int]
) -> None:
    await fill(url, tmp_path)
    meddle(url, change)
    assert await verified(url, tmp_path) == found


async def test_two_processes_extend_one_chain(url: str, tmp_path: Path) -> None:
    async with (
        open_store(url, data=tmp_path, clock=SystemClock()) as ours,
        open_store(url, data=tmp_path, clock=SystemClock()) as theirs,
    ):
        stores = (ours, theirs)
        await asyncio.gather(
            *(store.audit(ANN, "change", str(number), {}) for number in range(10) for store in stores)
        )
    assert await verified(url, tmp_path) == (20, None)


async def test_an_actor_is_the_person_who_asked_there(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        await accepted(store, question())
        await store.audit(ANN, "change", "room", {}, adapter="test")
        people = metadata.tables["person"]

        def actors(connection: sa.Connection) -> list[object]:
            return list(
                connection.scalars(sa.select(LOG.c.actor_id).join(people, people.c.id == LOG.c.actor_id))
            )

        content = metadata.tables["content"]
        asked = await store.read(lambda connection: list(connection.scalars(sa.select(content.c.person_id))))
        assert await store.read(actors) == asked
