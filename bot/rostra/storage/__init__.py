"""What the core keeps: in memory for trials, in SQLite or PostgreSQL for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from ..clock import Clock
from ..stores import Store

MEMORY = "memory:"


@asynccontextmanager
async def open_store(
    url: str, *, data: Path, clock: Clock, master_key: str | None = None
) -> AsyncGenerator[Store]:
    """Open the store behind ``url``, and close it again when everything is written.

    ``url``: empty for SQLite in the ``data`` folder; ``sqlite:///FILE``; ``postgresql://USER@HOST/NAME``; or
    ``memory:`` for one that forgets. A new database gets its tables, an older one is brought up to date.
    ``master_key``: 32 bytes in base64, ``ROSTRA_MASTER_KEY``; without it, the file ``master.key`` in ``data``
    counts, which is made with a new database.

    Raises `rostra.errors.StoreError`: the database cannot be opened or was made by a newer version, or the
    master key is missing, is not its own, or others may read it.
    """
    if url == MEMORY:
        from .memory import MemoryStore

        yield MemoryStore(clock=clock)
        return
    # Only where it is used: a database library costs a third of a second to import.
    from .opening import open_database
    from .sql import SqlStore

    database, keyring = await open_database(url, data, master_key)
    store = SqlStore(database=database, keyring=keyring, clock=clock)
    writing = asyncio.get_running_loop().create_task(store.run())
    try:
        yield store
    finally:
        store.close()
        try:
            await _finished(writing)
        finally:
            await database.close()


async def _finished(task: asyncio.Task[None]) -> None:
    """Return when ``task`` is done, even if the caller is cancelled meanwhile: what is queued must be written."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        raise
