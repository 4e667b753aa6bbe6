"""The log of changes: append-only, each entry hashed together with the one before it.

Whoever changes, removes or inserts an entry afterwards breaks the chain from there on; only the newest entries
can be cut off unseen, unless somebody wrote down a hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import text_of
from ..places import Person
from .people import Scope, askers, storable
from .schema import audit_log

FIRST = bytes(32)
"""What stands for the hash before the first entry."""

LOCK = 7_263_119
"""For PostgreSQL, where several processes may write: one at a time finds and extends the end of the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a look at the whole chain found. ``broken`` is the number of the first entry that does not fit."""

    entries: int
    broken: int | None = None
    last: str = ""


def append(
    scope: Scope,
    id_: UUID,
    actor: tuple[str, Person] | None,
    action: str,
    subject: str,
    detail: Mapping[str, str],
) -> None:
    """Add an entry. ``id_`` is the same when the same entry is tried again; ``actor`` comes with their adapter."""
    if scope.connection.dialect.name == "postgresql":
        scope.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    if scope.connection.scalar(sa.select(audit_log.c.seq).where(audit_log.c.id == id_)) is not None:
        return
    person = None if actor is None else askers(scope, [actor])[actor[0], actor[1].id].id
    last = scope.connection.execute(_LAST).first()
    row: dict[str, Any] = {
        "seq": 1 if last is None else last.seq + 1,
        "id": id_,
        "at": scope.now,
        "actor_id": person,
        "action": storable(action),
        "subject": storable(subject),
        "detail": {storable(name): storable(value) for name, value in detail.items()},
        "prev_hash": FIRST if last is None else last.hash,
    }
    scope.run(sa.insert(audit_log), [{**row, "hash": hash_of(row)}])


def verify(connection: Connection, look: Callable[[Mapping[str, Any]], None] | None = None) -> Verified:
    """Follow the chain from its first entry. ``look`` gets to see every entry, also those behind a break."""
    previous, count, broken = FIRST, 0, None
    with connection.execute(_ALL.execution_options(yield_per=1000)) as found:
        for row in found.mappings():
            entry = {str(name): value for name, value in row.items()}
            if look is not None:
                look(entry)
            if broken is None and not _fits(entry, count + 1, previous):
                broken = int(entry["seq"])
            if broken is None:
                count, previous = count + 1, entry["hash"]
            elif look is None:
                break
    return Verified(entries=count, broken=broken, last=previous.hex())


def _fits(entry: Mapping[str, Any], number: int, previous: bytes) -> bool:
    return bool(entry["seq"] == number and entry["prev_hash"] == previous and entry["hash"] == hash_of(entry))


def hash_of(row: Mapping[str, Any]) -> bytes:
    """Return SHA-256 over the hash before and the canonical JSON of the entry."""
    return hashlib.sha256(row["prev_hash"] + text_of(_plain(row))).digest()


def exported(row: Mapping[str, Any]) -> str:
    """Return an entry as one line of JSON, with its two hashes, so that anybody can follow the chain.

    ``hash`` is SHA-256 over the bytes of ``prev_hash`` and the line's other keys as JSON: sorted, without spaces, UTF-8.
    """
    plain = _plain(row)
    return text_of({**plain, "hash": row["hash"].hex(), "prev_hash": row["prev_hash"].hex()}).decode(
        "utf-8", "surrogatepass"
    )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    at: datetime = row["at"]
    actor: UUID | None = row["actor_id"]
    return {
        "action": row["action"],
        "actor_id": None if actor is None else actor.hex,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "detail": dict(sorted(row["detail"].items())),
        "id": row["id"].hex,
        "seq": row["seq"],
        "subject": row["subject"],
    }


_ALL = sa.select(audit_log).order_by(audit_log.c.seq)
_LAST = sa.select(audit_log.c.seq, audit_log.c.hash).order_by(audit_log.c.seq.desc()).limit(1)
