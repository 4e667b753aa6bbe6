"""Backups that do not care which engine they came from: a zip of one JSONL file a table, and a manifest.

The master key is not in it. Whoever finds a backup reads nothing; whoever restores one needs the key as well, so
it is to be kept elsewhere. A person whose key was destroyed stays readable in older backups for those who have
the master key: let backups expire.
"""

from __future__ import annotations

import asyncio
import json
import os
import zipfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ..clock import Clock
from ..errors import StoreError
from . import MEMORY
from .columns import Key, Moment
from .database import Database, create_sqlite_file, url_of
from .failures import explained
from .keys import Keyring, read_master, sync_folder
from .migrate import migrate, revision_of
from .opening import alone
from .schema import REVISION, metadata

T = TypeVar("T")

FORMAT = 1
MANIFEST = "manifest.json"
PORTION = 1000
NOTE = "The master key is not in this backup. Without the key whose check stands here, no text in it can be read."

KINDS: Mapping[str, type[sa.types.TypeEngine[Any]]] = {
    "uuid": Key,
    "time": Moment,
    "bytes": sa.LargeBinary,
    "json": sa.JSON,
    "flag": sa.Boolean,
    "plain": sa.types.NullType,
}
"""How the columns of a table are told in the manifest, so that a later version can read what this one wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a backup holds: rows by table, and the revision of the database they were in."""

    revision: str
    made_at: datetime
    rows: Mapping[str, int]


async def backup(url: str, data: Path, file: Path, *, clock: Clock) -> Summary:
    """Write all that the database behind ``url`` holds to ``file``, as of one moment; others may go on writing.

    ``file`` is replaced when all is written and on disk. Raises `StoreError`.
    """
    return await _in_thread(url, data, partial(_backup, file=file, made_at=clock.now()))


async def restore(file: Path, url: str, data: Path, *, master_key: str | None = None) -> Summary:
    """Fill the database behind ``url``, which must be empty, with what ``file`` holds, and bring it up to date.

    All of it or nothing. Raises `StoreError`: the file is no backup or was made by a newer version, the database
    has something in it, or the master key is missing or not the one that the texts were sealed with.
    """
    return await _in_thread(url, data, partial(_restore, file=file, data=data, master_key=master_key))


async def _in_thread(url: str, data: Path, work: Callable[[Database], T]) -> T:
    if url == MEMORY:
        raise StoreError(
            "a store in memory has nothing to back up, and keeps nothing that is restored into it"
        )
    database = Database(url_of(url, data))
    try:
        return await asyncio.get_running_loop().run_in_executor(database.writer_thread, work, database)
    except SQLAlchemyError as error:
        raise explained(error) from error
    except OSError as error:
        raise StoreError(f"{error.filename or 'the backup'}: {error.strerror}") from error
    finally:
        await database.close()


def _backup(database: Database, *, file: Path, made_at: datetime) -> Summary:
    if database.is_sqlite and not _exists(database):
        raise StoreError(f"there is no database {database.url.database!r} to back up")
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with database.snapshot() as connection, _new_file(fresh) as whole:
            summary = _write(connection, whole, made_at)
        fresh.replace(file)
        sync_folder(file.parent)
    finally:
        fresh.unlink(missing_ok=True)
    return summary


def _exists(database: Database) -> bool:
    return Path(database.url.database or "").is_file()


@contextmanager
def _new_file(path: Path) -> Generator[IO[bytes]]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as whole:
        yield whole
        whole.flush()
        os.fsync(whole.fileno())


def _write(connection: Connection, whole: IO[bytes], made_at: datetime) -> Summary:
    revision = revision_of(connection)
    if revision != REVISION:
        raise StoreError(
            f"the database has revision {revision!r}, this version of rostra backs up {REVISION!r}: "
            "start the version that serves it once, or use that for the backup"
        )
    rows: dict[str, int] = {}
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for table in metadata.sorted_tables:
            with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as lines:
                rows[table.name] = _write_table(connection, table, lines)
        manifest = {
            "format": FORMAT,
            "note": NOTE,
            "revision": revision,
            "made_at": made_at.isoformat(),
            "key_check": b64encode(_key_check(connection)).decode(),
            "tables": {
                table.name: {
                    "rows": rows[table.name],
                    "columns": {column.name: _kind(column) for column in table.c},
                }
                for table in metadata.sorted_tables
            },
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return Summary(revision=revision, made_at=made_at, rows=rows)


def _key_check(connection: Connection) -> bytes:
    check: bytes | None = connection.scalar(sa.select(metadata.tables["keyring"].c.key_check))
    if check is None:
        raise StoreError("the database was never opened by rostra; there is nothing to back up")
    return check


def _write_table(connection: Connection, table: sa.Table, lines: IO[bytes]) -> int:
    count = 0
    columns = [(column.name, _OUT[_kind(column)]) for column in table.c]
    found = connection.execution_options(yield_per=PORTION).execute(sa.select(table))
    for row in found:
        plain = [None if value is None else out(value) for (_, out), value in zip(columns, row, strict=True)]
        lines.write(json.dumps(plain, separators=(",", ":")).encode() + b"\n")
        count += 1
    return count


def _restore(database: Database, *, file: Path, data: Path, master_key: str | None) -> Summary:
    with _archive_in(file) as archive:
        manifest = _manifest(archive, file)
        _check_key(manifest, data, master_key)
        with alone(data):
            create_sqlite_file(database.url)
            _check_empty(database)
            migrate(database.writing, manifest["revision"])
            with database.writing.begin() as connection:
                for name, told in manifest["tables"].items():
                    _read_table(connection, archive, name, told)
            migrate(database.writing)
    return Summary(
        revision=manifest["revision"],
        made_at=datetime.fromisoformat(manifest["made_at"]),
        rows={name: told["rows"] for name, told in manifest["tables"].items()},
    )


@contextmanager
def _archive_in(file: Path) -> Generator[zipfile.ZipFile]:
    """Lend the backup in ``file``. Raises `StoreError` where it is none, or damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{str(file)!r} is no backup of rostra, or is damaged") from error


def _manifest(archive: zipfile.ZipFile, file: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
    if manifest["format"] != FORMAT or manifest["revision"] > REVISION:
        raise StoreError(
            f"{str(file)!r} was made by a newer version of rostra (revision {manifest['revision']!r}, "
            f"this one knows {REVISION!r}): install that version"
        )
    return manifest


def _check_key(manifest: Mapping[str, Any], data: Path, master_key: str | None) -> None:
    master = read_master(master_key, data)
    if master is None:
        raise StoreError(
            f"put the master key of the backed-up database into {str(data)!r} first, or set ROSTRA_MASTER_KEY"
        )
    if Keyring.of(master).check != b64decode(manifest["key_check"]):
        raise StoreError("the master key is not the one that the texts in this backup were sealed with")


def _check_empty(database: Database) -> None:
    with database.writing.begin() as connection:
        inspector = sa.inspect(connection)
        for name in inspector.get_table_names():
            if name == "alembic_version":
                continue
            if connection.scalar(sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)):
                raise StoreError(
                    "a backup is restored into an empty database only; this one has something in it"
                )


def _read_table(connection: Connection, archive: zipfile.ZipFile, name: str, told: Mapping[str, Any]) -> None:
    columns: Mapping[str, str] = told["columns"]
    table = sa.table(name, *(sa.column(column, KINDS[kind]) for column, kind in columns.items()))
    ways = [(column, _IN[kind]) for column, kind in columns.items()]
    count = 0
    with archive.open(f"{name}.jsonl") as lines:
        rows = (_row(ways, line) for line in lines)
        while portion := list(islice(rows, PORTION)):
            connection.execute(sa.insert(table), portion)
            count += len(portion)
    if count != told["rows"]:
        raise ValueError(f"{name} has {count} rows instead of {told['rows']}")


def _row(ways: Sequence[tuple[str, Callable[[Any], Any]]], line: bytes) -> dict[str, Any]:
    values: list[Any] = json.loads(line)
    return {
        name: None if value is None else way(value) for (name, way), value in zip(ways, values, strict=True)
    }


def _kind(column: sa.Column[Any]) -> str:
    return next(
        (kind for kind, type_ in KINDS.items() if kind != "plain" and isinstance(column.type, type_)), "plain"
    )


def _same(value: Any) -> Any:
    return value


_OUT: Mapping[str, Callable[[Any], Any]] = {
    "uuid": lambda value: value.hex,
    "time": lambda value: value.isoformat(),
    "bytes": lambda value: b64encode(value).decode(),
    "json": _same,
    "flag": _same,
    "plain": _same,
}
_IN: Mapping[str, Callable[[Any], Any]] = {
    "uuid": UUID,
    "time": datetime.fromisoformat,
    "bytes": b64decode,
    "json": _same,
    "flag": bool,
    "plain": _same,
}
