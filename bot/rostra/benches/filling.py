"""Fill a database with turns that are over, as a month of talk would, but faster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from uuid_utils.compat import uuid7

from ..storage.people import Scope
from ..storage.schema import content, conversation, inbox, message, outbox, person, trace
from ..storage.sql import SqlStore

PORTION = 5_000
BODY = 320
"""Bytes in a sealed text. They are random, as those of sealed texts are: nothing of what is filled in can be read."""

COLUMNS = {
    content: ("id", "person_id", "body", "created_at"),
    inbox: ("reply_id", "event_key", "kind", "received_at", "processed_at"),
    outbox: ("reply_id", "state", "number", "attempts", "repeated", "done_at"),
    message: ("id", "conversation_id", "reply_id", "role", "author_id", "created_at"),
    trace: ("reply_id", "conversation_id", "person_id", "body", "at"),
}


async def fill(store: SqlStore, turns: int) -> None:
    """Add ``turns`` rows to each of inbox, outbox, message and trace, and twice as many to content.

    They belong to the people and the conversations that are there, one after the other.
    """
    for start in range(0, turns, PORTION):
        portion = range(start, min(start + PORTION, turns))
        await store.write(partial(_fill, numbers=portion))
    await store.read(_settle)


def _fill(scope: Scope, numbers: Sequence[int]) -> None:
    who = scope.connection.scalars(sa.select(person.c.id).order_by(person.c.id)).all()
    where = scope.connection.scalars(sa.select(conversation.c.id).order_by(conversation.c.id)).all()
    key, moment = scope.bulk.key, scope.bulk.moment
    rows: dict[sa.Table, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
    for number in numbers:
        asker, place = key(who[number % len(who)]), key(where[number % len(where)])
        reply, said = key(uuid7()), key(uuid7())
        at = moment(_long_ago(scope.now, number))
        rows[content] += [(reply, asker, os.urandom(BODY), at), (said, asker, os.urandom(BODY), at)]
        rows[inbox].append((reply, os.urandom(16), "Message", at, at))
        rows[outbox].append((reply, "closed", 1, 0, False, at))
        rows[message].append((said, place, reply, "user", asker, at))
        rows[trace].append((reply, place, asker, os.urandom(BODY), at))
    for table, columns in COLUMNS.items():
        _insert(scope, table, columns, rows[table])


def _long_ago(now: datetime, number: int) -> datetime:
    return now - timedelta(days=30) + timedelta(seconds=number)


def _insert(scope: Scope, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    driver: Any = scope.connection.connection.driver_connection
    names = ", ".join(columns)
    if scope.connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        driver.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608  our own names
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _settle(connection: Connection) -> None:
    """Do what the server does by itself sooner or later, so that it does not while something is measured."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("VACUUM ANALYZE")
        connection.exec_driver_sql("CHECKPOINT")
