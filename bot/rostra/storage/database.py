"""One database: an engine that writes, an engine that only reads, and the threads that use them.

SQLAlchemy runs in threads of its own, a whole transaction at a time: through its asyncio engines every
statement hops between threads, which made a batch of writes three times and a read four times as dear.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ..errors import StoreError
from .failures import again_at_once, explained
from .keys import sync_folder

T = TypeVar("T")

READERS = 2
OLDEST_POSTGRESQL = 15
SQLITE_CACHE_KIB = 64 * 1024
SQLITE_CHECKPOINT_PAGES = 8000
"""Pages in the log (32 MB) before it is copied into the database: a page that many commits touch is copied once.

With SQLite's own 1000, a turn in a database with 10⁶ turns cost 1.5 times what it cost with 10³; so it is 1.1 times.
"""
CONNECT_SECONDS = "10"
FILE = "rostra.db"


def url_of(url: str, data: Path) -> URL:
    """Return the URL of the database; an empty one means SQLite in the data folder. Raises `StoreError`."""
    try:
        parsed = make_url(url or f"sqlite:///{data / FILE}")
    except ArgumentError:
        raise StoreError(
            "the database URL cannot be read; write sqlite:///FILE, postgresql://USER@HOST/NAME or memory:"
        ) from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database in {None, "", ":memory:"}:
            raise StoreError("a SQLite database needs a file; for a store that forgets, use memory:")
        case "sqlite":
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgres" | "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise StoreError(f"no store for {other!r}; use sqlite, postgresql or memory:")


class Database:
    """The engines for one URL. Its statements run in its threads; `read` is the way in for everybody."""

    def __init__(self, url: URL) -> None:
        """Connect nothing yet. Raises `StoreError` where the driver is missing."""
        self.url = url
        self.writing = self._engine(1, _sqlite_writer)
        self.reading = self._engine(READERS, _sqlite_reader, isolation_level="AUTOCOMMIT")
        self.writer_thread = ThreadPoolExecutor(1, thread_name_prefix="rostra-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="rostra-read")

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Return what ``query`` reads, run in a reader's thread outside of any transaction. Raises `StoreError`."""
        return await self._in_reader(lambda: self._read(query))

    @contextmanager
    def snapshot(self) -> Generator[Connection]:
        """Lend a connection that sees the database as it is now, whatever others write meanwhile."""
        with self.reading.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
                try:
                    yield connection
                finally:
                    connection.exec_driver_sql("ROLLBACK")
                return
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    async def read_at_once(self, query: Callable[[Connection], T]) -> T:
        """Return what ``query`` reads, all of it as of one moment, in a reader's thread. Raises `StoreError`."""

        def read() -> T:
            with self.snapshot() as connection:
                return query(connection)

        return await self._in_reader(read)

    async def close(self) -> None:
        """Close every connection and end the threads."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self.writer_thread, self.writing.dispose)
            await loop.run_in_executor(self._readers, self.reading.dispose)
        finally:
            self.writer_thread.shutdown(wait=False)
            self._readers.shutdown(wait=False)

    async def _in_reader(self, work: Callable[[], T]) -> T:
        def attempt() -> T:
            try:
                return work()
            except SQLAlchemyError as error:
                if not again_at_once(error):
                    raise explained(error) from error
            try:
                return work()
            except SQLAlchemyError as error:
                raise explained(error) from error

        return await asyncio.get_running_loop().run_in_executor(self._readers, attempt)

    def _read(self, query: Callable[[Connection], T]) -> T:
        with self.reading.connect() as connection:
            return query(connection)

    def _engine(self, size: int, prepare: Callable[[Any, Any], None], **options: Any) -> Engine:
        arguments: dict[str, Any] = {"check_same_thread": False} if self.is_sqlite else {}
        if not self.is_sqlite and "connect_timeout" not in self.url.query:
            arguments["connect_timeout"] = CONNECT_SECONDS
        try:
            engine = sa.create_engine(
                self.url,
                connect_args=arguments,
                poolclass=sa.pool.QueuePool,
                pool_size=size,
                max_overflow=0,
                hide_parameters=True,
                **options,
            )
        except (ImportError, NoSuchModuleError) as error:
            raise StoreError("PostgreSQL needs a driver; install rostra[postgres]") from error
        if self.is_sqlite:
            event.listen(engine, "connect", prepare)
            if prepare is _sqlite_writer:
                event.listen(engine, "begin", _begin_immediate)
        else:
            event.listen(engine, "connect", _check_postgresql)
        return engine


def create_sqlite_file(url: URL) -> None:
    """Make sure the file of a SQLite database is there, readable by its owner alone. Raises `StoreError`."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
        return
    try:
        file = Path(url.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            sync_folder(file.parent)
    except OSError as error:
        raise StoreError(f"the database {url.database!r} cannot be opened: {error.strerror}") from error


def _sqlite_writer(connection: Any, _record: Any) -> None:
    # The driver would begin transactions of its own kind, and late; `_begin_immediate` does it.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        # Else INSERT OR REPLACE removes rows without firing the triggers that forbid it.
        "recursive_triggers = ON",
        f"wal_autocheckpoint = {SQLITE_CHECKPOINT_PAGES}",
        f"cache_size = -{SQLITE_CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_reader(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB // 4}")


def _begin_immediate(connection: Connection) -> None:
    # A reader that turns writer half-way fails with "locked" at once; whoever begins as a writer waits its turn.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_postgresql(connection: Any, _record: Any) -> None:
    version: int = connection.info.server_version
    if version < OLDEST_POSTGRESQL * 10_000:
        raise StoreError(f"PostgreSQL {version // 10_000} is too old; use {OLDEST_POSTGRESQL} or newer")
