"""What is read back, as functions of a connection: rows become values again, unsealed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from ..actions import Address
from ..codec import from_plain, load, load_event, load_reply, parse
from ..delivery.reply import Reply, State
from ..errors import StoreError
from ..places import Person, Place
from ..stores import Backlog, Entry, Explanation, Judgement, Said
from ..turns import Step
from ..verdicts import Judged
from .keys import Keyring
from .people import lookup_of
from .schema import content, conversation, inbox, outbox, person_key, place_setting, trace
from .statements import bulk

log = structlog.get_logger(__name__)

Row: TypeAlias = Any
"""A row of the statement named along with it: SQLAlchemy does not tell their types apart."""


def entry(connection: Connection, keyring: Keyring, reply: UUID) -> Entry | None:
    """Return what is kept about a reply, unless its asker's key was destroyed."""
    found = connection.execute(_ONE_ENTRY, {"reply": reply}).first()
    return None if found is None else _entry(keyring, found)


def unfinished(connection: Connection, keyring: Keyring) -> Sequence[Entry]:
    """Return what is not done, oldest first."""
    return _entries(keyring, connection.execute(_UNFINISHED))


def dead(connection: Connection, keyring: Keyring) -> Sequence[Entry]:
    """Return the dead letters, oldest first."""
    return _entries(keyring, connection.execute(_DEAD))


def backlog(connection: Connection) -> Backlog:
    """Return how many entries are unfinished, and how many are dead."""
    unfinished, dead = (connection.scalar(count) or 0 for count in (_UNFINISHED_COUNT, _DEAD_COUNT))
    return Backlog(unfinished=unfinished, dead=dead)


def recall(connection: Connection, keyring: Keyring, place: Place, limit: int) -> Sequence[Said]:
    """Return what was said last in ``place``, oldest first, as far as it can still be unsealed."""
    driver = bulk(connection.dialect.name)
    found = connection.exec_driver_sql(
        driver.said, {"lookup": lookup_of(keyring, place), "limit": max(limit, 0)}
    ).all()
    return [
        Said(
            reply=driver.bytes(reply).hex(),
            role=role,
            text=keyring.open(wrapped, driver.bytes(id_), body).decode("utf-8", "surrogatepass"),
        )
        for id_, reply, role, owner, body, wrapped in reversed(found)
        if body is not None and (owner is None or wrapped is not None)
    ]


def explanation(
    connection: Connection, keyring: Keyring, place: Place, reply: UUID | None
) -> Explanation | None:
    """Return why ``reply`` (None: the last one in ``place``) is what it is."""
    lookup = lookup_of(keyring, place)
    if reply is None:
        found = connection.execute(_LAST_TRACE, {"lookup": lookup}).first()
    else:
        found = connection.execute(_TRACE, {"lookup": lookup, "reply": reply}).first()
    if found is None or not _can_open(found):
        return None
    plain = parse(keyring.open(found.wrapped, found.reply_id.bytes, found.body))
    return Explanation(
        reply=found.reply_id.hex,
        at=found.at,
        steps=from_plain(tuple[Step, ...], plain["steps"]),
        verdicts=from_plain(tuple[Judged, ...], plain["verdicts"]),
    )


def judgements(connection: Connection, keyring: Keyring, since: datetime, limit: int) -> Sequence[Judgement]:
    """Return the last ``limit`` explanations with verdicts since then, oldest first, as far as their keys are there."""
    # The index of traces is that of their ids, which begin with the time.
    found = connection.execute(_JUDGEMENTS, {"since": since, "limit": limit}).all()
    read = (_judgement(keyring, row) for row in reversed(found) if _can_open(row))
    return [one for one in read if one.verdicts]


def _judgement(keyring: Keyring, row: Row) -> Judgement:
    plain = parse(keyring.open(row.wrapped, row.reply_id.bytes, row.body))
    author: Person | None = None
    if row.event is not None:
        author = load_event(keyring.open(row.wrapped, row.reply_id.bytes, row.event)).author
    return Judgement(
        reply=row.reply_id.hex,
        at=row.at,
        place=load(Place, keyring.open(None, row.conversation_id.bytes, row.place_sealed)),
        author=author,
        steps=from_plain(tuple[Step, ...], plain["steps"]),
        verdicts=from_plain(tuple[Judged, ...], plain["verdicts"]),
    )


def choices(connection: Connection, keyring: Keyring, place: Place) -> Mapping[str, str]:
    """Return what was chosen for ``place``."""
    found = connection.execute(_CHOICES, {"lookup": lookup_of(keyring, place)})
    return {row.name: row.value for row in found}


def _entries(keyring: Keyring, rows: Iterable[Row]) -> Sequence[Entry]:
    entries: list[Entry] = []
    for row in rows:
        try:
            found = _entry(keyring, row)
        except StoreError as error:
            # One that cannot be read must not keep all the others from being answered.
            log.error(  # noqa: TRY400  a traceback would tell nothing more
                "entry cannot be read", reply=row.reply_id.hex, error=str(error)
            )
            continue
        if found is not None:
            entries.append(found)
    return entries


def _entry(keyring: Keyring, row: Row) -> Entry | None:
    if row.event is None or not _can_open(row):
        return None
    id_: UUID = row.reply_id
    event = load_event(keyring.open(row.wrapped, id_.bytes, row.event))
    reply = Reply(id=id_.hex, address=Address.of(event))
    if row.action is not None:
        reply = load_reply(keyring.open(row.wrapped, row.content_id.bytes, row.action))
    shown: tuple[str, ...] = ()
    error = ""
    if row.receipt is not None:
        receipt = parse(keyring.open(row.wrapped, id_.bytes, row.receipt))
        shown, error = tuple(receipt["shown"]), receipt["error"]
    reply = replace(
        reply,
        state=State(row.state),
        number=row.number,
        attempts=row.attempts,
        repeated=row.repeated,
        error=error,
        address=replace(reply.address, shown=shown),
    )
    return Entry(event=event, reply=reply, received_at=row.received_at)


def _can_open(row: Row) -> bool:
    """Whether the key is still there; a row without an owner needs none but the store's."""
    return row.person_id is None or row.wrapped is not None


_event = content.alias("event")
_action = content.alias("action")
_ENTRIES = (
    sa.select(
        outbox.c.reply_id,
        outbox.c.state,
        outbox.c.number,
        outbox.c.attempts,
        outbox.c.repeated,
        outbox.c.content_id,
        outbox.c.receipt,
        inbox.c.received_at,
        _event.c.person_id,
        _event.c.body.label("event"),
        _action.c.body.label("action"),
        person_key.c.wrapped,
    )
    .join(inbox, inbox.c.reply_id == outbox.c.reply_id)
    .join(_event, _event.c.id == outbox.c.reply_id)
    .outerjoin(_action, _action.c.id == outbox.c.content_id)
    .outerjoin(person_key, person_key.c.person_id == _event.c.person_id)
)
_OLDEST_FIRST = (inbox.c.received_at, inbox.c.reply_id)
_ONE_ENTRY = _ENTRIES.where(outbox.c.reply_id == sa.bindparam("reply"))
_UNFINISHED = _ENTRIES.where(outbox.c.done_at.is_(None)).order_by(*_OLDEST_FIRST)
# Spelled out, because SQLite uses a partial index only where it sees its condition.
_IS_DEAD = sa.text("outbox.state = 'dead'")
_DEAD = _ENTRIES.where(_IS_DEAD).order_by(*_OLDEST_FIRST)
_COUNT = (
    sa.select(sa.func.count())
    .select_from(outbox)
    .join(_event, _event.c.id == outbox.c.reply_id)
    .outerjoin(person_key, person_key.c.person_id == _event.c.person_id)
    .where(
        _event.c.body.is_not(None),
        _event.c.person_id.is_(None) | person_key.c.wrapped.is_not(None),
    )
)
_UNFINISHED_COUNT = _COUNT.where(outbox.c.done_at.is_(None))
_DEAD_COUNT = _COUNT.where(_IS_DEAD)
_TRACES = (
    sa.select(trace.c.reply_id, trace.c.person_id, trace.c.body, trace.c.at, person_key.c.wrapped)
    .join(conversation, conversation.c.id == trace.c.conversation_id)
    .outerjoin(person_key, person_key.c.person_id == trace.c.person_id)
    .where(conversation.c.lookup == sa.bindparam("lookup"))
)
_TRACE = _TRACES.where(trace.c.reply_id == sa.bindparam("reply"))
_LAST_TRACE = _TRACES.order_by(trace.c.reply_id.desc()).limit(1)
_CHOICES = (
    sa.select(place_setting.c.name, place_setting.c.value)
    .join(conversation, conversation.c.id == place_setting.c.conversation_id)
    .where(conversation.c.lookup == sa.bindparam("lookup"))
)
_JUDGEMENTS = (
    sa.select(
        trace.c.reply_id,
        trace.c.conversation_id,
        trace.c.person_id,
        trace.c.body,
        trace.c.at,
        person_key.c.wrapped,
        conversation.c.place_sealed,
        _event.c.body.label("event"),
    )
    .join(conversation, conversation.c.id == trace.c.conversation_id)
    .outerjoin(_event, _event.c.id == trace.c.reply_id)
    .outerjoin(person_key, person_key.c.person_id == trace.c.person_id)
    .where(trace.c.at >= sa.bindparam("since"))
    .order_by(trace.c.reply_id.desc())
    .limit(sa.bindparam("limit"))
)
