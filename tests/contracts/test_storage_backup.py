"""What was backed up from one engine is restored into either."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from base64 import b64encode
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from rostra.chat import Sampling
from rostra.clock import SystemClock
from rostra.errors import StoreError
from rostra.places import Person
from rostra.storage import open_store
from rostra.storage.backup import backup, restore
from rostra.storage.schema import REVISION
from rostra.storage.sql import SqlStore
from rostra.stores import Store
from rostra.testing.clock import ManualClock
from rostra.testing.collected import collect
from rostra.testing.dockets import case, sanction
from rostra.testing.keys import KEY
from rostra.testing.postgres import Postgres
from rostra.testing.samples import ANN, AWKWARD, NOON, ROOM, every_kind, question
from rostra.testing.stores import accepted, answered, given_up
from rostra.versions import Deployment, ModelVersion, sampling_id

BEN = Person(id="ben")
SECRET = "rk-a-secret-that-an-application-was-told-once"


@pytest.fixture(params=["sqlite", "postgresql"])
def other_url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """An empty database to restore into, on each engine in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'other' / 'rostra.db'}"
        return
    server: Postgres = request.getfixturevalue("server")
    name = server.database()
    yield server.url(name)
    server.drop(name)


@pytest.mark.slow
async def test_a_backup_of_either_engine_is_restored_into_either(
    url: str, other_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "rostra.zip"
    clock = ManualClock()
    async with open_store(url, data=tmp_path, clock=clock) as store:
        await answered(store, question(AWKWARD), AWKWARD)
        await given_up(store, question())
        for event in every_kind():
            await accepted(store, event)
        await store.choose(ROOM, "persona", "sage")
        await store.audit(ANN, "change", ROOM.key, {"to": "sage"})
        await put_on_the_docket(store)
        held = await everything(store)
        made = await backup(url, tmp_path, file, clock=clock)
        await accepted(store, question("after the backup"))
    assert (made.revision, made.made_at, made.rows["inbox"]) == (REVISION, clock.now(), 3 + len(every_kind()))
    assert file.stat().st_mode & 0o777 == 0o600
    assert await restore(file, other_url, tmp_path) == made
    async with open_store(other_url, data=tmp_path, clock=clock) as store:
        assert await everything(store) == held
        assert isinstance(store, SqlStore)
        assert await store.verify_audit() == held[-1]
        await answered(store, question())


async def put_on_the_docket(store: Store) -> None:
    event = question()
    reply = await answered(store, event)
    await store.decide(await store.queue(event, reply.id, case()), "wrong", actor=ANN, adapter=ROOM.adapter)
    await store.change_policy("default", {"hold": "full"}, what="hold", actor=ANN, adapter=ROOM.adapter)
    await store.sanction(ANN, ROOM, sanction("strike"))
    await store.sampling_config(Sampling(seed=1))
    await collect(store, text=AWKWARD)
    parent = ""
    for name in "abcdef":  # ids are hashes, so that some come before what they were made from
        parent = await store.model_version(ModelVersion(name=name, content=name * 64, parent=parent))
    await store.deploy(Deployment(version=parent, name="f", place=AWKWARD), actor=ANN, adapter=ROOM.adapter)
    ended = await store.add_key(KEY, SECRET, actor=ANN, adapter=ROOM.adapter)
    await store.end_key(ended.id, NOON)


async def everything(store: Any) -> tuple[Any, ...]:
    return (
        await store.unfinished(),
        await store.dead(),
        await store.recall(ROOM, 100),
        await store.explanation(ROOM),
        await store.choices(ROOM),
        await store.policies(),
        await store.reviews(None, decided=True),
        await store.sanctions(ANN, ROOM),
        await store.model_versions(),
        await store.sampling_of(sampling_id(Sampling(seed=1))),
        await store.deployments(),
        await store.key_of(SECRET),
        await feedback(store),
        await store.verify_audit(),
    )


async def feedback(store: Store) -> tuple[Any, ...]:
    ben = await store.pseudonym("test", BEN)
    campaigns = await store.campaigns()
    batches = [one.batch async for one in store.judged(excluded=True)]
    return (
        campaigns,
        await store.shown(batches),
        [one async for one in store.judged(excluded=True)],
        [await store.assignments(ben, plan.id, None) for plan in campaigns],
        [await store.progress(plan.id) for plan in campaigns],
        await store.dossier(ben),
        await store.permits(ROOM),
        await store.exports(),
    )


@pytest.fixture
async def made(sqlite_url: str, tmp_path: Path) -> Path:
    """A backup of a database with one question in it."""
    async with open_store(sqlite_url, data=tmp_path, clock=SystemClock()) as store:
        await accepted(store, question("the heron flies at midnight"))
    await backup(sqlite_url, tmp_path, tmp_path / "rostra.zip", clock=SystemClock())
    return tmp_path / "rostra.zip"


async def test_a_backup_says_that_the_key_is_not_in_it(made: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(made) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert "master key is not in this backup" in manifest["note"]
    assert manifest["revision"] == REVISION
    assert manifest["tables"]["inbox"]["rows"] == 1
    assert (tmp_path / "master.key").read_bytes().strip() not in whole
    assert b"heron" not in whole


async def test_only_an_empty_database_is_restored_into(made: Path, other_url: str, tmp_path: Path) -> None:
    event = question()
    async with open_store(other_url, data=tmp_path, clock=SystemClock()) as store:
        await accepted(store, event)
    with pytest.raises(StoreError, match="into an empty database only"):
        await restore(made, other_url, tmp_path)
    async with open_store(other_url, data=tmp_path, clock=SystemClock()) as store:
        assert [entry.event for entry in await store.unfinished()] == [event]


async def test_a_backup_needs_the_key_that_its_texts_were_sealed_with(
    made: Path, other_url: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="put the master key of the backed-up database into"):
        await restore(made, other_url, tmp_path / "empty")
    with pytest.raises(StoreError, match="not the one that the texts in this backup were sealed with"):
        await restore(made, other_url, tmp_path, master_key=b64encode(bytes(32)).decode())
    key = (tmp_path / "master.key").read_text()
    await restore(made, other_url, tmp_path / "empty", master_key=key)


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        largest = max(archive.infolist(), key=lambda part: part.compress_size)
    middle = data.index(largest.filename.encode()) + len(largest.filename) + largest.compress_size // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def _empty(_: bytes) -> bytes:
    return b""


def _empty_zip(_: bytes) -> bytes:
    return b"PK\5\6" + bytes(18)


@pytest.mark.parametrize("damage", [_cut, _flip, _empty, _empty_zip])
async def test_a_damaged_backup_is_refused_whole(
    made: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    made.write_bytes(damage(made.read_bytes()))
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    with pytest.raises(StoreError, match="is no backup of rostra, or is damaged"):
        await restore(made, fresh, tmp_path)
    async with open_store(fresh, data=tmp_path, clock=SystemClock()) as store:
        assert await store.unfinished() == []


async def test_rows_that_are_missing_are_missed(made: Path, tmp_path: Path) -> None:
    rewritten(made, "content.jsonl", lambda _: b"")
    with pytest.raises(StoreError, match="damaged"):
        await restore(made, f"sqlite:///{tmp_path / 'fresh.db'}", tmp_path)


async def test_a_backup_of_a_newer_version_is_refused(made: Path, tmp_path: Path) -> None:
    rewritten(made, "manifest.json", lambda text: text.replace(REVISION.encode(), b"9999"))
    with pytest.raises(StoreError, match="made by a newer version of rostra"):
        await restore(made, f"sqlite:///{tmp_path / 'fresh.db'}", tmp_path)


def rewritten(file: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(file) as archive:
        held = {entry: archive.read(entry) for entry in archive.namelist()}
    held[name] = change(held[name])
    with zipfile.ZipFile(file, "w") as archive:
        for entry, data in held.items():
            archive.writestr(entry, data)


async def test_a_missing_file_or_database_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        await backup("", tmp_path, tmp_path / "rostra.zip", clock=SystemClock())
    with pytest.raises(StoreError, match=r"rostra\.zip: No such file"):
        await restore(tmp_path / "rostra.zip", "", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
async def test_a_backup_made_while_others_write_is_of_one_moment(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        writing = asyncio.ensure_future(_write(store))
        for number in range(3):
            await accepted(store, question())
            made = await backup(url, tmp_path, tmp_path / f"{number}.zip", clock=SystemClock())
            assert made.rows["inbox"] == made.rows["outbox"]
            assert made.rows["message"] == 2 * made.rows["trace"]
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    for number in range(3):
        await restore(tmp_path / f"{number}.zip", f"sqlite:///{tmp_path / f'{number}.db'}", tmp_path)


async def _write(store: Any) -> None:
    while True:
        event = question()
        reply = await accepted(store, event)
        store.remember(event, reply.id, "why?", "because.")
        store.explain(event, reply.id, (), ())
