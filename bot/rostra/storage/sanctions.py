"""Strikes, time-outs and pardons: rows that are added, read together, and go when they are long over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..places import Person, Place
from ..stores import Sanction
from .audit import append
from .keys import Keyring
from .names import names
from .people import Scope, askers, conversations, storable
from .schema import conversation, platform_account, workspace
from .schema import sanction as table
from .verdicts import name_of


def add(
    scope: Scope,
    ids: tuple[UUID, UUID],
    who: tuple[str, Person],
    place: Place,
    sanction: Sanction,
    actor: tuple[str, Person] | None,
) -> None:
    """Add ``sanction``; ``ids`` are its own and that of its entry in the log of changes."""
    if scope.connection.scalar(sa.select(table.c.id).where(table.c.id == ids[0])):
        return
    accounts = [who] if actor is None else [who, actor]
    people = askers(scope, accounts)
    person = people[who[0], who[1].id].id
    space = scope.connection.scalar(
        sa.select(conversation.c.workspace_id).where(
            conversation.c.id == conversations(scope, [place])[place]
        )
    )
    row = {
        "id": ids[0],
        "person_id": person,
        "workspace_id": space,
        "kind": sanction.kind,
        "reply_id": _reply(sanction.reply),
        "reason": name_of(sanction.reason),
        "actor_id": None if actor is None else people[actor[0], actor[1].id].id,
        "at": sanction.at,
        "until": sanction.until,
    }
    scope.run(sa.insert(table), [row])
    detail = {
        "reason": name_of(sanction.reason),
        "until": sanction.until.isoformat(timespec="seconds"),
        **({} if space is None else {"workspace": space.hex}),
    }
    # A pseudonym: once the person is erased it leads nowhere.
    append(scope, ids[1], actor, sanction.kind, f"person {person}", detail)


def of_person(connection: Connection, keyring: Keyring, who: str, place: Place) -> Sequence[Sanction]:
    """Return what is kept about the person with the platform id ``who``, oldest first."""
    lookup = keyring.lookup("person", place.adapter, who)
    return _read(
        connection, keyring, connection.execute(_OF_PERSON, {"lookup": lookup, **_space(place)}).all()
    )


def against(connection: Connection, keyring: Keyring, person: UUID) -> Sequence[Sanction]:
    """Return what is kept about the person with this pseudonym, oldest first; who did it is left out."""
    found = connection.execute(sa.select(table).where(table.c.person_id == person).order_by(table.c.id)).all()
    return [replace(one, by="") for one in _read(connection, keyring, found)]


def in_workspace(
    connection: Connection, keyring: Keyring, place: Place, since: datetime, limit: int
) -> Sequence[Sanction]:
    """Return what was added in the workspace of ``place`` since then, newest first."""
    values = {"since": since, "limit": limit, **_space(place)}
    return _read(connection, keyring, connection.execute(_IN_WORKSPACE, values).all())


def _space(place: Place) -> dict[str, str]:
    return {"adapter": place.adapter, "external_id": storable(place.workspace)}


def _read(connection: Connection, keyring: Keyring, rows: Sequence[Any]) -> Sequence[Sanction]:
    who = names(connection, keyring, {id_ for row in rows for id_ in (row.person_id, row.actor_id)})
    return [
        Sanction(
            kind=row.kind,
            at=row.at,
            until=row.until,
            reply="" if row.reply_id is None else row.reply_id.hex,
            reason=row.reason,
            person=who.get(row.person_id, ""),
            by=who.get(row.actor_id, ""),
        )
        for row in rows
    ]


def _reply(reply: str) -> UUID | None:
    try:
        return UUID(reply)
    except ValueError:
        return None


_ALL = (
    sa.select(table)
    .join(workspace, workspace.c.id == table.c.workspace_id)
    .where(
        workspace.c.adapter == sa.bindparam("adapter"),
        workspace.c.external_id == sa.bindparam("external_id"),
    )
)
_OF_PERSON = (
    _ALL.join(platform_account, platform_account.c.person_id == table.c.person_id)
    .where(platform_account.c.lookup == sa.bindparam("lookup"))
    .order_by(table.c.id)
)
_IN_WORKSPACE = (
    _ALL.where(table.c.at >= sa.bindparam("since")).order_by(table.c.id.desc()).limit(sa.bindparam("limit"))
)
