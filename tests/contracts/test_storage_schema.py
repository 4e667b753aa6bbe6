"""Migrations make the tables that the code knows, on both engines, whoever opens the database at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError

from rostra.chat import Sampling
from rostra.clock import SystemClock
from rostra.errors import StoreError
from rostra.storage import migrate as migrating
from rostra.storage import open_store
from rostra.storage.database import Database, url_of
from rostra.storage.migrate import migrate, revision_of
from rostra.storage.schema import APPEND_ONLY, REVISION, metadata
from rostra.testing.collected import collect
from rostra.testing.dockets import case
from rostra.testing.postgres import Postgres
from rostra.testing.samples import ANN, NOON, ROOM, question
from rostra.testing.stores import answered
from rostra.versions import Deployment, ModelVersion

SCRIPTS = Path(migrating.__file__).with_name("migrations")
OLD = UUID(int=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """A database without any tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("server")
    name = server.database()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database(empty_url: str) -> Generator[Database]:
    opened = Database(url_of(empty_url, Path()))
    yield opened
    opened.writing.dispose()


def test_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    migrate(database.writing)
    with database.writing.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        checks = {
            (table, str(check["name"]))
            for table in metadata.tables
            for check in sa.inspect(connection).get_check_constraints(table)
        }
    assert checks == {
        (table.name, str(constraint.name))
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }


def test_the_newest_migration_is_the_one_the_code_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_going_back_leaves_nothing_and_one_can_go_forth_again(database: Database) -> None:
    migrate(database.writing)
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    with database.writing.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    migrate(database.writing)
    with database.writing.begin() as connection:
        assert revision_of(connection) == REVISION


UPDATES = {
    "verdict": "UPDATE {} SET reply_id = id",
    "audit_log": "UPDATE {} SET seq = 0",
    "policy_version": "UPDATE {} SET number = 7",
    "review_decision": "UPDATE {} SET item_id = id",
    "model_version": "UPDATE {} SET parent_id = id",
    "sampling_config": "UPDATE {} SET params = '{{}}'",
    "deployment": "UPDATE {} SET name = 'x'",
    "guideline": "UPDATE {} SET version = '2'",
    "judgment": "UPDATE {} SET revision = 7",
    "judgment_item": "UPDATE {} SET tier = 1",
    "rating": "UPDATE {} SET value = 1",
    "thumb": "UPDATE {} SET value = 0",
    "consent_event": "UPDATE {} SET notice_version = '2'",
    "permit": "UPDATE {} SET kind = 'platform'",
    "dataset_member": "UPDATE {} SET weight = 2",
    "exposure": "UPDATE {} SET run = 'x'",
}


@pytest.mark.slow
@pytest.mark.parametrize("change", ["UPDATE", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_the_database_itself_refuses_to_change_what_is_append_only(
    url: str, tmp_path: Path, change: str
) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        event = question()
        reply = await answered(store, event)
        await store.audit(ANN, "change", ROOM.key, {})
        await store.change_policy("default", {}, what="nothing", actor=None)
        await store.decide(await store.queue(event, reply.id, case()), "approve", actor=None)
        version = await store.model_version(ModelVersion(name="tiny"))
        await store.deploy(Deployment(version=version, name="tiny"))
        await store.sampling_config(Sampling())
        await collect(store)
    opened = Database(url_of(url, tmp_path))
    try:
        for table in APPEND_ONLY:
            statement = (UPDATES[table] if change == "UPDATE" else change).format(table)
            if "TRUNCATE" in statement and url.startswith("sqlite"):
                statement = f"DELETE FROM {table}"  # which is how SQLite truncates
            with pytest.raises(DatabaseError, match="append only"), opened.writing.begin() as connection:
                connection.exec_driver_sql(statement)
    finally:
        opened.writing.dispose()


async def test_a_database_of_the_first_version_is_brought_up_to_date_with_what_is_in_it(
    empty_url: str, tmp_path: Path
) -> None:
    first = Database(url_of(empty_url, tmp_path))
    migrate(first.writing, "0001")
    with first.writing.begin() as connection:
        assert revision_of(connection) == "0001"
        connection.execute(
            sa.insert(metadata.tables["person"]), {"id": OLD, "kind": "human", "created_at": NOON}
        )
    first.writing.dispose()
    async with open_store(empty_url, data=tmp_path, clock=SystemClock()) as store:
        event = question()
        reply = await answered(store, event)
        id_ = await store.queue(event, reply.id, case())
        assert [one.id for one in await store.reviews(ROOM)] == [id_]
    second = Database(url_of(empty_url, tmp_path))
    with second.writing.begin() as connection:
        assert revision_of(connection) == REVISION
        person = metadata.tables["person"]
        assert connection.scalar(sa.select(person.c.created_at).where(person.c.id == OLD)) == NOON
    second.writing.dispose()


async def test_a_database_of_a_newer_version_is_refused_and_not_touched(url: str, tmp_path: Path) -> None:
    opened = Database(url_of(url, tmp_path))
    with opened.writing.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="revision '9999', which a newer version of rostra made"):
        async with open_store(url, data=tmp_path, clock=SystemClock()):
            pass
    with opened.writing.begin() as connection:
        assert revision_of(connection) == "9999"
        assert connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables["keyring"])) == 0
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{REVISION}'")
    opened.writing.dispose()


async def test_several_may_open_an_empty_database_at_once(empty_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stores = await asyncio.gather(
            *(
                stack.enter_async_context(open_store(empty_url, data=tmp_path, clock=SystemClock()))
                for _ in range(4)
            )
        )
        events = [question() for _ in stores]
        for store, event in zip(stores, events, strict=True):
            await store.accept(event)
        for store in stores:
            assert [entry.event for entry in await store.unfinished()] == events


async def test_several_with_data_folders_of_their_own_need_one_master_key(
    empty_url: str, tmp_path: Path
) -> None:
    async with open_store(empty_url, data=tmp_path / "one", clock=SystemClock()):
        pass
    with pytest.raises(StoreError, match=r"put 'master.key' back .* or set ROSTRA_MASTER_KEY"):
        async with open_store(empty_url, data=tmp_path / "two", clock=SystemClock()):
            pass
    assert not (tmp_path / "two" / "master.key").exists()
    key = (tmp_path / "one" / "master.key").read_text()
    async with open_store(empty_url, data=tmp_path / "two", clock=SystemClock(), master_key=key) as store:
        assert await store.unfinished() == []
