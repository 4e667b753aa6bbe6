"""The statements that every turn runs, made once for each engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect

from .schema import (
    content,
    conversation,
    inbox,
    message,
    outbox,
    person,
    person_key,
    platform_account,
    spending,
    trace,
    verdict,
    workspace,
)


@dataclass(frozen=True, slots=True)
class Statements:
    """``inbox``, ``accounts``, ``workspaces`` and ``conversations`` skip what is there and return what is new."""

    inbox: sa.Executable
    accounts: sa.Executable
    workspaces: sa.Executable
    conversations: sa.Executable
    people: sa.Executable
    person_keys: sa.Executable


@dataclass(frozen=True, slots=True)
class Bulk:
    """The statements that most rows go through, as the driver takes them: SQLAlchemy adds 10 µs a row otherwise.

    Each takes rows as dicts by column name, of values that ``key`` and ``moment`` made fit for the driver; in
    updates, ``key`` is the row's key. Those that insert skip what is there already, so that a batch whose commit
    got lost on the way can be tried again. ``said`` reads ``limit`` messages of the conversation with ``lookup``,
    last ones first: id, reply, role, owner, body, wrapped key. ``bytes`` undoes ``key``.
    """

    content: str
    rewrite: str
    message: str
    trace: str
    verdict: str
    outbox: str
    advance: str
    processed: str
    spend: str
    said: str
    key: Callable[[UUID], Any]
    moment: Callable[[datetime], Any]
    bytes: Callable[[Any], bytes]


@cache
def statements(dialect: str) -> Statements:
    """Return the statements for the engine named ``dialect``."""
    new = _new(dialect)
    return Statements(
        inbox=new(inbox).returning(inbox.c.event_key),
        accounts=new(platform_account).returning(platform_account.c.person_id),
        workspaces=new(workspace).returning(workspace.c.id),
        conversations=new(conversation).returning(conversation.c.id),
        people=sa.insert(person),
        person_keys=sa.insert(person_key),
    )


@cache
def bulk(dialect: str) -> Bulk:
    """Return the statements for the driver of the engine named ``dialect``."""
    new = _new(dialect)
    traced = _INSERTS[dialect](trace).values({column.name: sa.bindparam(column.name) for column in trace.c})
    key: sa.BindParameter[Any] = sa.bindparam("key")
    progress = ("state", "number", "attempts", "repeated", "content_id", "receipt", "done_at")
    native = dialect == "postgresql"
    made: dict[str, Any] = {
        "content": new(content, "id", "person_id", "body", "created_at"),
        "rewrite": sa.update(content).where(content.c.id == key).values(body=sa.bindparam("body")),
        "message": new(message),
        "trace": traced.on_conflict_do_update(
            index_elements=["reply_id"], set_={"body": traced.excluded.body, "at": traced.excluded.at}
        ),
        "verdict": new(verdict),
        "outbox": new(outbox),
        "advance": sa.update(outbox)
        .where(outbox.c.reply_id == key)
        .values({name: sa.bindparam(name) for name in progress}),
        "processed": sa.update(inbox)
        .where(inbox.c.reply_id == key)
        .values(processed_at=sa.bindparam("processed_at")),
    }
    made["spend"] = _spend(dialect)
    made["said"] = (
        sa.select(
            message.c.id,
            message.c.reply_id,
            message.c.role,
            content.c.person_id,
            content.c.body,
            person_key.c.wrapped,
        )
        .select_from(conversation)
        .join(message, message.c.conversation_id == conversation.c.id)
        .join(content, content.c.id == message.c.id)
        .outerjoin(person_key, person_key.c.person_id == content.c.person_id)
        .where(conversation.c.lookup == sa.bindparam("lookup"), message.c.id > conversation.c.fresh_after)
        .order_by(message.c.id.desc())
        .limit(sa.bindparam("limit"))
        .offset(sa.literal_column("0"))
    )
    return Bulk(
        **{name: str(statement.compile(dialect=_dialect(dialect))) for name, statement in made.items()},
        key=_same if native else _bytes_of,
        moment=_same if native else _sqlite_moment,
        bytes=_bytes_of if native else _same,
    )


_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _new(dialect: str) -> Callable[..., Any]:
    def new(table: sa.Table, *columns: str) -> Any:
        names = columns or table.c.keys()
        values: dict[str, sa.BindParameter[Any]] = {name: sa.bindparam(name) for name in names}
        return _INSERTS[dialect](table).values(values).on_conflict_do_nothing()

    return new


def _spend(dialect: str) -> Any:
    """Return the statement that adds what a reply took, once for each step."""
    values: dict[str, Any] = {column.name: sa.bindparam(column.name) for column in spending.c}
    if dialect == "postgresql":
        values["counters"] = sa.cast(sa.bindparam("counters", type_=sa.Text), sa.JSON)
    insert = _INSERTS[dialect](spending).values(values)
    sums = ("prompt_tokens", "completion_tokens", "cost")
    added = {name: spending.c[name] + insert.excluded[name] for name in sums}
    new = {name: insert.excluded[name] for name in ("messages", "answerer", "model", "step_id")}
    return insert.on_conflict_do_update(
        index_elements=["reply_id"],
        set_={**added, **new},
        where=spending.c.step_id < insert.excluded.step_id,
    )


def added_once(connection: Connection, table: sa.Table) -> sa.Executable:
    """Return the statement that adds rows to ``table`` unless there are some with the same key."""
    return _added_once(connection.dialect.name, table)


@cache
def _added_once(dialect: str, table: sa.Table) -> sa.Executable:
    return cast("sa.Executable", _INSERTS[dialect](table).on_conflict_do_nothing())


def replaced(connection: Connection, table: sa.Table, *columns: str) -> sa.Executable:
    """Return the statement that adds rows to ``table``, or puts ``columns`` into those there with the same key."""
    return _replaced(connection.dialect.name, table, columns)


@cache
def _replaced(dialect: str, table: sa.Table, columns: tuple[str, ...]) -> sa.Executable:
    insert = _INSERTS[dialect](table)
    values = {name: insert.excluded[name] for name in columns}
    key = [column.name for column in table.primary_key]
    return cast("sa.Executable", insert.on_conflict_do_update(index_elements=key, set_=values))


@cache
def inserted(dialect: str, table: sa.Table) -> str:
    """Return the statement that adds rows to ``table``, of values that `Bulk.key` and `Bulk.moment` made fit for the driver."""
    return compiled(
        dialect,
        _INSERTS[dialect](table).values({column.name: sa.bindparam(column.name) for column in table.c}),
    )


@cache
def inserted_once(dialect: str, table: sa.Table) -> str:
    """Return the same for rows that may be there already, under the same key."""
    insert = _INSERTS[dialect](table).values({column.name: sa.bindparam(column.name) for column in table.c})
    return compiled(dialect, insert.on_conflict_do_nothing())


def compiled(dialect: str, statement: sa.ClauseElement) -> str:
    """Return ``statement`` as the driver of the engine named ``dialect`` takes it, with parameters by name."""
    return str(statement.compile(dialect=_dialect(dialect)))


def _dialect(name: str) -> Dialect:
    if name == "sqlite":
        return sqlite.dialect(paramstyle="named")
    from sqlalchemy.dialects.postgresql import psycopg

    return cast("Dialect", cast("Any", psycopg.dialect)())


def _same(value: Any) -> Any:
    return value


def _bytes_of(key: UUID) -> bytes:
    return key.bytes


def _sqlite_moment(at: datetime) -> str:
    # As SQLAlchemy writes and reads it, and `rostra.storage.schema.Moment` with it.
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
