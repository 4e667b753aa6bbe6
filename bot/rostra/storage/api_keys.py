"""Keys of applications: each is one row, found by a keyed hash of a secret that is not kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..api_keys import HINT, ApiKey
from ..errors import StoreError
from ..places import Person
from .audit import append
from .ids import id_or_none
from .keys import Keyring
from .memory_keys import added, check, ended, unknown
from .people import Scope
from .schema import api_key as table


def add(
    scope: Scope, ids: tuple[UUID, UUID], key: ApiKey, secret: str, actor: tuple[str, Person] | None
) -> ApiKey:
    """Add a key; ``ids`` are its own and that of its entry in the log of changes. Raises `StoreError`."""
    check(secret)
    connection = scope.connection
    done = replace(key, id=ids[0].hex, hint=secret[-HINT:], made_at=key.made_at or scope.now)
    lookup = _lookup(scope.keyring, secret)
    there = connection.scalar(sa.select(table.c.id).where(table.c.lookup == lookup))
    if there == ids[0]:
        return done  # the commit got lost on the way, and was none the less
    if there is not None:
        raise StoreError(f"this secret is that of the key {there.hex!r} already; make a new one")
    row = {
        "id": ids[0],
        "lookup": lookup,
        "application": done.application,
        "scopes": sorted(done.scopes),
        "hint": done.hint,
        "per_minute": done.per_minute,
        "made_at": done.made_at,
        "expires_at": done.expires_at,
        "revoked_at": done.revoked_at,
    }
    scope.run(sa.insert(table), [row])
    append(scope, ids[1], actor, *added(done))
    return done


def find(connection: Connection, keyring: Keyring, secret: str) -> ApiKey | None:
    """Return the key with this secret."""
    row = connection.execute(sa.select(table).where(table.c.lookup == _lookup(keyring, secret))).first()
    return None if row is None else _key(row)


def keys(connection: Connection) -> Sequence[ApiKey]:
    """Return all keys, newest first."""
    return [_key(row) for row in connection.execute(_ALL).all()]


def end(scope: Scope, entry: UUID, id_: str, at: datetime, actor: tuple[str, Person] | None) -> ApiKey:
    """Have a key end; ``entry`` is the id of its entry in the log of changes. Raises `StoreError`."""
    wanted = id_or_none(id_)
    query = sa.select(table).where(table.c.id == wanted).with_for_update()
    row = None if wanted is None else scope.connection.execute(query).first()
    if wanted is None or row is None:
        raise unknown(id_)
    key, at = _key(row), at.astimezone(UTC)
    if key.ends_at is not None and key.ends_at <= at:
        return key
    scope.connection.execute(sa.update(table).where(table.c.id == wanted).values(revoked_at=at))
    append(scope, entry, actor, *ended(key, at))
    return replace(key, revoked_at=at)


def _lookup(keyring: Keyring, secret: str) -> bytes:
    return keyring.lookup("api_key", secret)


def _key(row: Any) -> ApiKey:
    return ApiKey(
        id=row.id.hex,
        application=row.application,
        scopes=frozenset(row.scopes),
        hint=row.hint,
        per_minute=row.per_minute,
        made_at=row.made_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


_ALL = sa.select(table).order_by(table.c.id.desc())
