"""What goes wrong below us, in one clear line, and whether trying again later can help."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import StoreError

SQLITE = {
    sqlite3.SQLITE_PERM: "the database may not be written; check its permissions",
    sqlite3.SQLITE_BUSY: "the database is locked by another process",
    sqlite3.SQLITE_LOCKED: "the database is locked by another process",
    sqlite3.SQLITE_NOMEM: "there is no memory left for the database",
    sqlite3.SQLITE_READONLY: "the database is read-only; check the permissions of its file and folder",
    sqlite3.SQLITE_IOERR: "the disk under the database fails",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; restore a backup",
    sqlite3.SQLITE_FULL: "the disk under the database is full",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened; check its folder",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
}
"""By primary result code (https://www.sqlite.org/rescode.html): what lies with the machine, not with the write."""

POSTGRESQL = {
    "08": "PostgreSQL cannot be reached",
    "25006": "the database is read-only",
    "28": "PostgreSQL refuses the login",
    "3D000": "there is no such PostgreSQL database",
    "42501": "PostgreSQL denies permission",
    "53100": "the disk under the database is full",
    "53": "PostgreSQL has run out of resources",
    "55P03": "the database is locked by another process",
    "57": "PostgreSQL is shutting down or cancelled the statement",
    "58": "the disk under the database fails",
}
"""By SQLSTATE or its class (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

CONFLICTS = {"40001", "40P01"}
"""PostgreSQL rolled a transaction back for another's sake: the same again will do."""


class Unavailable(StoreError):
    """What lies around the database is out of order; the same write may succeed later."""


def environment(error: SQLAlchemyError) -> str | None:
    """Return what is wrong around the database, or None if the statement itself is to blame."""
    if not isinstance(error, DBAPIError):
        return None
    original: Any = error.orig
    if isinstance(original, sqlite3.Error):
        code: int = getattr(original, "sqlite_errorcode", 0)
        return SQLITE.get(code & 0xFF)
    state: str | None = getattr(original, "sqlstate", None)
    if state is None:
        return _unreachable(error)
    return POSTGRESQL.get(state) or POSTGRESQL.get(state[:2])


def again_at_once(error: SQLAlchemyError) -> bool:
    """Whether the same transaction, on a new connection if need be, is worth one more try right now."""
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in CONFLICTS


def explained(error: SQLAlchemyError) -> StoreError:
    """Return the error as one line that quotes no data."""
    what = environment(error)
    if what is not None:
        return Unavailable(what)
    cause: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    state: str | None = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return StoreError(f"the database refused: {type(cause).__name__}{f' ({state})' if state else ''}")


def _unreachable(error: DBAPIError) -> str | None:
    """Return what kept us from the server: the driver's own words, for they come from before any data is sent."""
    if not error.connection_invalidated and type(error.orig).__name__ != "OperationalError":
        return None
    lines = str(error.orig).strip().splitlines()
    reason = lines[0].rpartition("failed: ")[2] if lines else ""
    return f"PostgreSQL cannot be reached: {reason or 'the connection is lost'}"
