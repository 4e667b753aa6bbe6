"""What questions took, and counters of what is used of quotas, in the writer's transactions.

Reserving reads the counters and adds to them in one transaction. On SQLite there is one writer at a time; on PostgreSQL
those that reserve wait for one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..chat import Usage
from ..events import Event
from ..spending import (
    KEPT_DAYS,
    NOTHING,
    Amounts,
    Bill,
    Granted,
    Share,
    amounts_of,
    refused_share,
)
from .keys import Keyring
from .people import Scope, askers, conversations, storable, workspace_of
from .schema import outbox, quota_counter, spending
from .statements import added_once, replaced

LOCK = 7_263_120
"""For PostgreSQL: one at a time reserves."""

UNDER_WAY = ("accepted", "opening", "open")
"""States of replies that are still being answered, or will be again."""

Row: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Spend:
    """Add what the question of ``bill`` took, nothing of which is reserved; ``step`` is the same when tried again."""

    bill: Bill
    reply: UUID
    used: Usage
    step: UUID
    at: datetime

    @property
    def event(self) -> Event:
        return self.bill.event


def spent_row(scope: Scope, write: Spend, person: UUID | None, conversation: UUID) -> dict[str, Any]:
    """Return the row for `rostra.storage.statements.Bulk.spend`."""
    key = scope.bulk.key
    return {
        "reply_id": key(write.reply),
        "workspace_id": key(workspace_of(scope, write.event.place)),
        "person_id": person and key(person),
        "conversation_id": key(conversation),
        "answerer": storable(write.bill.answerer)[:120],
        "model": storable(write.bill.model)[:120],
        "messages": 1,
        "prompt_tokens": write.used.prompt,
        "completion_tokens": write.used.completion,
        "cost": amounts_of(write.used).cost,
        "held_messages": 0,
        "held_tokens": 0,
        "held_cost": 0,
        "counters": "[]",
        "step_id": key(write.step),
        "at": scope.bulk.moment(write.at),
    }


def reserve(scope: Scope, step: UUID, bill: Bill, want: Amounts, shares: Sequence[Share]) -> Granted:
    """Take ``want`` from all ``shares`` or none; ``step`` is the same when the same is tried again."""
    connection = scope.connection
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    ids = [counter_id(scope.keyring, share) for share in shares]
    row = _row(connection, bill)
    if (
        row is not None and row.step_id.int >= step.int
    ):  # the commit got lost on the way, and was none the less
        return Granted(used=_used(connection, ids))
    if row is not None:
        _count(connection, _counters(row), NOTHING - _held(row))
        want = Amounts(messages=want.messages - row.messages, tokens=want.tokens, cost=want.cost)
    used = _used(connection, ids)
    refused = refused_share(shares, used, want)
    if refused is not None:
        if row is not None:
            _put(scope, bill, row, _Step(id=step))
        return Granted(used=used, refused=refused)
    _make_counters(scope, bill, shares, ids)
    _count(connection, ids, want)
    _put(scope, bill, row, _Step(id=step, held=want, counters=ids))
    return Granted(used=used)


def settle(scope: Scope, step: UUID, bill: Bill, used: Usage | None) -> None:
    """Add what a question took, and give back the rest of what was reserved."""
    connection = scope.connection
    row = _row(connection, bill)
    if row is None and used is None:
        return
    if row is not None and row.step_id.int >= step.int:
        return
    before = 0 if row is None else row.messages
    more = NOTHING if used is None else amounts_of(used, messages=1 - before)
    if row is not None:
        _count(connection, _counters(row), more - _held(row))
        if used is None and not before:
            connection.execute(sa.delete(spending).where(spending.c.reply_id == row.reply_id))
            return
    counters = () if row is None else _counters(row)
    _put(scope, bill, row, _Step(id=step, counters=counters, used=used))


def settle_left(scope: Scope, before: datetime) -> int:
    """Count what is reserved since before then, for replies that are done, as used."""
    busy = sa.select(outbox.c.reply_id).where(outbox.c.state.in_(UNDER_WAY))
    left = (
        (spending.c.at < before)
        & ((spending.c.held_messages > 0) | (spending.c.held_tokens > 0) | (spending.c.held_cost > 0))
        & spending.c.reply_id.not_in(busy)
    )
    settled = scope.connection.execute(
        sa.update(spending)
        .where(left)
        .values(
            messages=spending.c.messages + spending.c.held_messages,
            prompt_tokens=spending.c.prompt_tokens + spending.c.held_tokens,
            cost=spending.c.cost + spending.c.held_cost,
            held_messages=0,
            held_tokens=0,
            held_cost=0,
        )
    )
    return settled.rowcount


def counted(connection: Connection, keyring: Keyring, shares: Sequence[Share]) -> Sequence[Amounts]:
    """Return what is used of each share."""
    return _used(connection, [counter_id(keyring, share) for share in shares])


def forget_person(connection: Connection, people: Sequence[UUID]) -> None:
    """Remove the link from figures to ``people``, and the counters that are theirs."""
    connection.execute(sa.delete(quota_counter).where(quota_counter.c.person_id.in_(people)))
    connection.execute(
        sa.update(spending)
        .where(spending.c.person_id.in_(people))
        .values(person_id=None, conversation_id=None)
    )


def purge(connection: Connection, now: datetime) -> None:
    """Remove what is older than it is kept, and counters whose window is over."""
    connection.execute(sa.delete(spending).where(spending.c.at < now - timedelta(days=KEPT_DAYS)))
    connection.execute(sa.delete(quota_counter).where(quota_counter.c.ends_at <= now))


def counter_id(keyring: Keyring, share: Share) -> UUID:
    """Return the key of the counter of ``share``: it tells nobody without the master key whose it is."""
    return UUID(bytes=keyring.lookup("quota", *share.key))


def _row(connection: Connection, bill: Bill) -> Row | None:
    return connection.execute(_ROW, {"reply": UUID(bill.reply)}).first()


def _held(row: Row) -> Amounts:
    return Amounts(messages=row.held_messages, tokens=row.held_tokens, cost=row.held_cost)


def _counters(row: Row) -> Sequence[UUID]:
    return [UUID(id_) for id_ in row.counters]


def _used(connection: Connection, ids: Sequence[UUID]) -> tuple[Amounts, ...]:
    rows = connection.execute(_COUNTED, {"ids": list(ids)})
    found = {row.id: Amounts(messages=row.messages, tokens=row.tokens, cost=row.cost) for row in rows}
    return tuple(found.get(id_, NOTHING) for id_ in ids)


def _make_counters(scope: Scope, bill: Bill, shares: Sequence[Share], ids: Sequence[UUID]) -> None:
    person = _person(scope, bill)
    rows: dict[UUID, Mapping[str, Any]] = {}
    for share, id_ in zip(shares, ids, strict=True):
        owner = person if share.personal else None
        rows[id_] = {
            "id": id_,
            "person_id": owner,
            "messages": 0,
            "tokens": 0,
            "cost": 0,
            "ends_at": share.ends_at,
        }
    scope.run(added_once(scope.connection, quota_counter), [rows[id_] for id_ in sorted(rows)])


def _count(connection: Connection, ids: Iterable[UUID], more: Amounts) -> None:
    if more == NOTHING:
        return
    values = {"more_messages": more.messages, "more_tokens": more.tokens, "more_cost": more.cost}
    connection.execute(_COUNT, {"ids": list(set(ids)), **values})


def _person(scope: Scope, bill: Bill) -> UUID | None:
    event = bill.event
    if event.author is None:
        return None
    return askers(scope, [(event.place.adapter, event.author)])[event.place.adapter, event.author.id].id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What is new about a reply: what is reserved for it from now on, in which counters, and what it took."""

    id: UUID
    held: Amounts = NOTHING
    counters: Sequence[UUID] = ()
    used: Usage | None = None


def _put(scope: Scope, bill: Bill, row: Row | None, step: _Step) -> None:
    """Write the row of a reply."""
    # Whose it was, and was taken away by an erasure, does not come back.
    there: Mapping[str, Any] = _new(scope, bill) if row is None else row._mapping  # noqa: SLF001  public by its documentation
    taken = step.used or Usage(prompt=0, completion=0)
    values: dict[str, Any] = {
        **there,
        "answerer": storable(bill.answerer)[:120],
        "model": storable(bill.model)[:120],
        "messages": there["messages"] if step.used is None else 1,
        "prompt_tokens": there["prompt_tokens"] + taken.prompt,
        "completion_tokens": there["completion_tokens"] + taken.completion,
        "cost": there["cost"] + amounts_of(taken).cost,
        "held_messages": step.held.messages,
        "held_tokens": step.held.tokens,
        "held_cost": step.held.cost,
        "counters": sorted(id_.hex for id_ in set(step.counters)),
        "step_id": step.id,
    }
    scope.run(replaced(scope.connection, spending, *_CHANGING), [values])


def _new(scope: Scope, bill: Bill) -> Mapping[str, Any]:
    place = bill.event.place
    return {
        "reply_id": UUID(bill.reply),
        "workspace_id": workspace_of(scope, place),
        "person_id": _person(scope, bill),
        "conversation_id": conversations(scope, [place])[place],
        "messages": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cost": 0,
        "at": scope.now,
    }


_CHANGING = (
    "answerer",
    "model",
    "messages",
    "prompt_tokens",
    "completion_tokens",
    "cost",
    "held_messages",
    "held_tokens",
    "held_cost",
    "counters",
    "step_id",
)
_ROW = sa.select(spending).where(spending.c.reply_id == sa.bindparam("reply"))
_IDS = quota_counter.c.id.in_(sa.bindparam("ids", expanding=True))
_COUNTED = sa.select(quota_counter).where(_IDS)
_COUNT = (
    sa.update(quota_counter)
    .where(_IDS)
    .values(
        messages=quota_counter.c.messages + sa.bindparam("more_messages"),
        tokens=quota_counter.c.tokens + sa.bindparam("more_tokens"),
        cost=quota_counter.c.cost + sa.bindparam("more_cost"),
    )
)
