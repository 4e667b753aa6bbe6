"""Passes in a database: whose they are stands there by a pseudonym, and what they are good for is sealed with that person's key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import parse, text_of
from ..errors import StoreError
from ..passes import Pass
from ..places import Permission, Place
from .accounts import check
from .ids import id_or_none
from .keys import Keyring
from .people import Scope
from .schema import person_key
from .web_tables import rank_pass as table


def begin(scope: Scope, id_: UUID, one: Pass, token: str) -> None:
    """Keep a pass. Raises `StoreError`."""
    check(token)
    whose, lookup = id_or_none(one.person), _token(scope.keyring, token)
    if scope.connection.scalar(sa.select(table.c.id).where(table.c.lookup == lookup)) == id_:
        return  # the commit got lost on the way, and was none the less
    key = sa.select(person_key.c.wrapped).where(person_key.c.person_id == whose)
    wrapped = None if whose is None else scope.connection.scalar(key)
    if wrapped is None:
        raise unknown(one.person)
    row = {
        "id": id_,
        "person_id": whose,
        "lookup": lookup,
        "kind": one.kind,
        "body": scope.keyring.seal(wrapped, id_.bytes, _body(one)),
        "made_at": one.made_at,
        "expires_at": one.expires_at,
    }
    scope.run(sa.insert(table), [row])


def find(connection: Connection, keyring: Keyring, token: str) -> Pass | None:
    """Return the pass with this token."""
    row = connection.execute(_PASS, {"lookup": _token(keyring, token)}).first()
    if row is None:
        return None
    body = parse(keyring.open(row.wrapped, row.id.bytes, row.body))
    place = Place(
        adapter=body["adapter"],
        workspace=body["workspace"],
        channel=body["channel"],
        thread=body["thread"],
    )
    return Pass(
        person=row.person_id.hex,
        place=place,
        permission=Permission(body["permission"]),
        made_at=row.made_at,
        expires_at=row.expires_at,
        ballot=body["ballot"],
        kind=row.kind,
    )


def end(scope: Scope, token: str) -> bool:
    """End a pass. Return whether it was there."""
    found = table.c.lookup == _token(scope.keyring, token)
    return scope.connection.execute(sa.delete(table).where(found)).rowcount > 0


def purge(connection: Connection, now: datetime) -> None:
    """Remove the passes that are over."""
    connection.execute(sa.delete(table).where(table.c.expires_at < now))


def forget_people(connection: Connection, people: Sequence[UUID]) -> None:
    """Remove the passes of ``people``."""
    connection.execute(sa.delete(table).where(table.c.person_id.in_(people)))


def unknown(person: str) -> StoreError:
    """Return the error for a pseudonym that nobody has."""
    return StoreError(f"nobody is known by the pseudonym {person!r}")


def _token(keyring: Keyring, token: str) -> bytes:
    return keyring.lookup("pass", token)


def _body(one: Pass) -> bytes:
    return text_of(
        {
            "adapter": one.place.adapter,
            "workspace": one.place.workspace,
            "channel": one.place.channel,
            "thread": one.place.thread,
            "permission": int(one.permission),
            "ballot": one.ballot,
        }
    )


_PASS = (
    sa.select(
        table.c.id,
        table.c.person_id,
        table.c.kind,
        table.c.body,
        table.c.made_at,
        table.c.expires_at,
        person_key.c.wrapped,
    )
    .join(person_key, person_key.c.person_id == table.c.person_id)
    .where(table.c.lookup == sa.bindparam("lookup"))
)
