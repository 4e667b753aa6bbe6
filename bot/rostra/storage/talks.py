"""Conversations that are found again, and the events in each: found by their keyed hashes, as in the inbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import StoreError
from ..places import Person
from ..stores import Entry
from ..talks import SomebodyElses, Talk
from . import reads, summaries
from .ids import id_or_none
from .keys import Keyring
from .people import Scope, askers, lookup_of
from .schema import content, conversation, inbox, message, person_key, platform_account, summary
from .web_tables import talk, talk_turn


def ask(scope: Scope, id_: UUID, one: Talk, event: str, instead_of: str) -> bool:
    """Put down that an event will come; ``id_`` is its row's. See `rostra.talks.Talks.ask`. Raises `StoreError`."""
    wanted = _id(one)
    key = _key(scope.keyring, one.adapter, event)
    there = scope.connection.scalar(sa.select(talk_turn.c.id).where(talk_turn.c.event_key == key))
    if there is not None:
        return bool(there == id_)  # the commit got lost on the way, and was none the less
    _begin(scope, wanted, one)
    if instead_of:
        _replace(scope, wanted, one, _key(scope.keyring, one.adapter, instead_of))
    scope.run(sa.insert(talk_turn), [{"id": id_, "talk_id": wanted, "event_key": key, "replaced": False}])
    return True


def _begin(scope: Scope, wanted: UUID, one: Talk) -> None:
    who = askers(scope, [(one.adapter, Person(id=one.owner))])[one.adapter, one.owner]
    row = scope.connection.execute(sa.select(talk).where(talk.c.id == wanted)).first()
    if row is None:
        body = scope.keyring.seal(who.wrapped, wanted.bytes, _bytes(one.title))
        made = {"id": wanted, "person_id": who.id, "adapter": one.adapter, "body": body, "at": one.at}
        scope.run(sa.insert(talk), [made])
        return
    if row.person_id != who.id or row.adapter != one.adapter:
        raise SomebodyElses
    scope.connection.execute(sa.update(talk).where(talk.c.id == wanted).values(at=one.at))


def _replace(scope: Scope, wanted: UUID, one: Talk, key: bytes) -> None:
    connection = scope.connection
    first = connection.scalar(
        sa.select(talk_turn.c.id).where(talk_turn.c.event_key == key, talk_turn.c.talk_id == wanted)
    )
    if first is None:
        return
    later = (talk_turn.c.talk_id == wanted) & (talk_turn.c.id >= first)
    replies = connection.scalars(
        sa.select(inbox.c.reply_id).join(talk_turn, talk_turn.c.event_key == inbox.c.event_key).where(later)
    ).all()
    said = connection.scalars(sa.select(message.c.id).where(message.c.reply_id.in_(replies))).all()
    told = connection.scalars(
        sa.select(summary.c.id)
        .join(conversation, conversation.c.id == summary.c.conversation_id)
        .where(conversation.c.lookup == lookup_of(scope.keyring, one.place))
    ).all()
    if said:  # what was summed up may tell of what is not so any more
        summaries.remove(connection, told)
    connection.execute(sa.delete(message).where(message.c.id.in_(said)))
    connection.execute(sa.delete(content).where(content.c.id.in_(said)))
    connection.execute(sa.update(talk_turn).where(later).values(replaced=True))


def find(connection: Connection, keyring: Keyring, adapter: str, owner: str, id_: str) -> Talk | None:
    """Return the conversation with this id, if it is ``owner``'s."""
    wanted = id_or_none(id_)
    if wanted is None:
        return None
    query = _TALKS.where(talk.c.id == wanted, platform_account.c.lookup == _owner(keyring, adapter, owner))
    row = connection.execute(query).first()
    return None if row is None else _talk(keyring, row, owner)


def of(connection: Connection, keyring: Keyring, adapter: str, owner: str, limit: int) -> Sequence[Talk]:
    """Return the conversations of ``owner``, those first in which something was asked last."""
    query = _TALKS.where(platform_account.c.lookup == _owner(keyring, adapter, owner))
    found = connection.execute(query.order_by(talk.c.at.desc(), talk.c.id.desc()).limit(max(limit, 0)))
    return [_talk(keyring, row, owner) for row in found]


def of_person(connection: Connection, keyring: Keyring, who: UUID) -> Sequence[dict[str, Any]]:
    """Return the conversations of somebody, newest first."""
    found = connection.execute(_TALKS.where(talk.c.person_id == who).order_by(talk.c.at.desc()))
    talks = (_talk(keyring, row, "") for row in found)
    return [{"id": one.id, "title": one.title, "at": one.at} for one in talks]


def asked_in(connection: Connection, keyring: Keyring, one: Talk) -> Sequence[Entry]:
    """Return what was accepted in a conversation and is still shown."""
    wanted = _id(one)
    replies = connection.scalars(
        sa.select(inbox.c.reply_id)
        .join(talk_turn, talk_turn.c.event_key == inbox.c.event_key)
        .where(talk_turn.c.talk_id == wanted, talk_turn.c.replaced.is_(sa.false()))
        .order_by(talk_turn.c.id)
    ).all()
    found = (reads.entry(connection, keyring, reply) for reply in replies)
    return [entry for entry in found if entry is not None]


def end(scope: Scope, one: Talk) -> None:
    """Remove a conversation, and what it remembers."""
    wanted = _id(one)
    first = scope.connection.scalar(
        sa.select(talk_turn.c.event_key)
        .where(talk_turn.c.talk_id == wanted)
        .order_by(talk_turn.c.id)
        .limit(1)
    )
    if first is not None:
        _replace(scope, wanted, one, first)
    _remove(scope.connection, talk.c.id == wanted)


def purge(scope: Scope, before: Any) -> None:
    """Remove the conversations in which nothing was asked since ``before``."""
    _remove(scope.connection, talk.c.at < before)


def purge_replies(connection: Connection, replies: Sequence[UUID]) -> None:
    """Remove the turns of replies that go."""
    keys = sa.select(inbox.c.event_key).where(inbox.c.reply_id.in_(replies))
    connection.execute(sa.delete(talk_turn).where(talk_turn.c.event_key.in_(keys)))


def forget_people(connection: Connection, people: Sequence[UUID]) -> None:
    """Remove the conversations of ``people``."""
    _remove(connection, talk.c.person_id.in_(people))


def _remove(connection: Connection, which: sa.ColumnElement[bool]) -> None:
    gone = sa.select(talk.c.id).where(which)
    connection.execute(sa.delete(talk_turn).where(talk_turn.c.talk_id.in_(gone)))
    connection.execute(sa.delete(talk).where(which))


def _id(one: Talk) -> UUID:
    wanted = id_or_none(one.id)
    if wanted is None:
        raise StoreError(f"{one.id!r} is no id of a conversation; it would be 32 hexadecimal digits")
    return wanted


def _key(keyring: Keyring, adapter: str, event: str) -> bytes:
    return keyring.lookup("event", adapter, event)


def _owner(keyring: Keyring, adapter: str, owner: str) -> bytes:
    return keyring.lookup("person", adapter, owner)


def _talk(keyring: Keyring, row: Any, owner: str) -> Talk:
    title = keyring.open(row.wrapped, row.id.bytes, row.body).decode("utf-8", "surrogatepass")
    return Talk(id=row.id.hex, adapter=row.adapter, owner=owner, title=title, at=row.at)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_TALKS = (
    sa.select(talk.c.id, talk.c.adapter, talk.c.body, talk.c.at, person_key.c.wrapped)
    .join(person_key, person_key.c.person_id == talk.c.person_id)
    .join(platform_account, platform_account.c.person_id == talk.c.person_id)
)
