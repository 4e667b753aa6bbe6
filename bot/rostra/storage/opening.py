"""Open a database: alone among the processes that open it, with its tables up to date and the right master key."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ..errors import StoreError
from .database import Database, create_sqlite_file, url_of
from .failures import explained
from .keys import FILE, Keyring, make_master, read_master
from .migrate import migrate
from .schema import keyring as keyring_table

LOCK = "store.lock"


async def open_database(url: str, data: Path, master_key: str | None) -> tuple[Database, Keyring]:
    """Return the database behind ``url`` and the keys to it. See `rostra.storage.open_store`. Raises `StoreError`."""
    database = Database(url_of(url, data))
    try:
        loop = asyncio.get_running_loop()
        keyring = await loop.run_in_executor(database.writer_thread, _open, database, data, master_key)
    except BaseException:
        await database.close()
        raise
    return database, keyring


def _open(database: Database, data: Path, master_key: str | None) -> Keyring:
    with alone(data):
        create_sqlite_file(database.url)
        migrate(database.writing)
        try:
            with database.writing.begin() as connection:
                return _unlock(connection, data, master_key)
        except IntegrityError:
            # Another machine, with this data folder's like of its own, made the keyring in this very moment.
            with database.writing.begin() as connection:
                return _unlock(connection, data, master_key)
        except SQLAlchemyError as error:
            raise explained(error) from error


def _unlock(connection: Connection, data: Path, master_key: str | None) -> Keyring:
    check: bytes | None = connection.scalar(sa.select(keyring_table.c.key_check))
    master = read_master(master_key, data)
    if master is None and check is not None:
        raise StoreError(
            f"the master key of this database is missing: put {FILE!r} back into {str(data)!r} "
            "or set ROSTRA_MASTER_KEY"
        )
    keyring = Keyring.of(make_master(data) if master is None else master)
    if check is None:
        row = {"id": 1, "key_check": keyring.check, "generation": 0}
        connection.execute(sa.insert(keyring_table), row)
    elif check != keyring.check:
        where = "ROSTRA_MASTER_KEY" if master_key else str(data / FILE)
        raise StoreError(f"the master key in {where} is not the one this database was made with")
    return keyring


@contextmanager
def alone(data: Path) -> Generator[None]:
    """Wait until no other process opens a database with this data folder."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"the data folder {str(data)!r} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
