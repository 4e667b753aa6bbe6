"""Everything that a database keeps about one person, unsealed, as plain JSON: for themselves to have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import load, parse, to_plain
from ..kept import Kept, Plain
from ..places import Place
from . import accounts as signing_in
from . import leases, talks, withdrawn
from .keys import Keyring
from .names import accounts
from .reviews import reviews_of
from .sanctions import against
from .schema import (
    audit_log,
    content,
    conversation,
    inbox,
    message,
    person,
    person_key,
    quota_counter,
    spending,
    summary,
    trace,
    workspace,
)

BALLOTS = 1_000_000
"""Of one person; nobody is handed more."""

Row: TypeAlias = Any


def kept(connection: Connection, keyring: Keyring, who: UUID) -> Kept:
    """Return what is kept about the person with this pseudonym, who was not erased."""
    adapter, name = accounts(connection, keyring, [who]).get(who, ("", ""))
    created = connection.scalar(sa.select(person.c.created_at).where(person.c.id == who))

    def rows(query: sa.Executable) -> Sequence[Row]:
        return connection.execute(query, {"who": who}).all()

    def named(query: sa.Executable) -> tuple[Plain, ...]:
        return tuple(_plain(dict(row)) for row in connection.execute(query, {"who": who}).mappings())

    return Kept(
        person=who.hex,
        account={"adapter": adapter, "id": name},
        since=_plain(created),
        messages=tuple(_message(keyring, row) for row in rows(_MESSAGES)),
        events=tuple(_event(keyring, row) for row in rows(_EVENTS)),
        summaries=tuple(
            {"at": _plain(row.created_at), "text": _text(_opened(keyring, row, row.id))}
            for row in rows(_SUMMARIES)
        ),
        explanations=tuple(
            {"reply": row.reply_id.hex, "at": _plain(row.at), **parse(_opened(keyring, row, row.reply_id))}
            for row in rows(_TRACES)
        ),
        reviews=tuple(to_plain(one) for one in reviews_of(connection, keyring, who)),
        strikes=tuple(to_plain(one) for one in against(connection, keyring, who)),
        spending=named(_SPENDING),
        quotas=named(_QUOTAS),
        feedback=_plain(asdict(withdrawn.dossier(connection, keyring, who))),
        ballots=tuple(
            _plain(asdict(one))
            for one in reversed(leases.assignments(connection, keyring, who, None, None, BALLOTS))
        ),
        changes=named(_CHANGES),
        sign_in=tuple(_plain(one) for one in signing_in.of_person(connection, keyring, who)),
        talks=tuple(_plain(one) for one in talks.of_person(connection, keyring, who)),
    )


def _message(keyring: Keyring, row: Row) -> Plain:
    return {
        "at": _plain(row.created_at),
        "place": to_plain(load(Place, keyring.open(None, row.conversation_id.bytes, row.place_sealed))),
        "reply": row.reply_id.hex,
        "role": row.role,
        "text": _text(_opened(keyring, row, row.id)),
    }


def _event(keyring: Keyring, row: Row) -> Plain:
    event = parse(_opened(keyring, row, row.id))
    return {"reply": row.id.hex, "received_at": _plain(row.received_at), "event": event}


def _opened(keyring: Keyring, row: Row, id_: UUID) -> bytes:
    return keyring.open(row.wrapped, id_.bytes, row.body)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    """Return ``value`` in terms of JSON."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  plain JSON
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType]  plain JSON
    if isinstance(value, UUID):
        return value.hex
    return value.isoformat() if hasattr(value, "isoformat") else value


_WHO: sa.BindParameter[Any] = sa.bindparam("who")
_SEALED = content.c.body.is_not(None) & (content.c.person_id == _WHO)
_MESSAGES = (
    sa.select(
        message.c.id,
        message.c.created_at,
        message.c.reply_id,
        message.c.role,
        message.c.conversation_id,
        conversation.c.place_sealed,
        content.c.body,
        person_key.c.wrapped,
    )
    .join(content, content.c.id == message.c.id)
    .join(conversation, conversation.c.id == message.c.conversation_id)
    .join(person_key, person_key.c.person_id == content.c.person_id)
    .where(_SEALED)
    .order_by(message.c.id)
)
_EVENTS = (
    sa.select(content.c.id, content.c.body, inbox.c.received_at, person_key.c.wrapped)
    .join(inbox, inbox.c.reply_id == content.c.id)
    .join(person_key, person_key.c.person_id == content.c.person_id)
    .where(_SEALED)
    .order_by(content.c.id)
)
_SUMMARIES = (
    sa.select(summary.c.id, summary.c.created_at, content.c.body, person_key.c.wrapped)
    .join(content, content.c.id == summary.c.id)
    .outerjoin(person_key, person_key.c.person_id == content.c.person_id)
    .where(_SEALED)
    .order_by(summary.c.id)
)
_TRACES = (
    sa.select(trace.c.reply_id, trace.c.at, trace.c.body, person_key.c.wrapped)
    .join(person_key, person_key.c.person_id == trace.c.person_id)
    .where(trace.c.person_id == _WHO)
    .order_by(trace.c.reply_id)
)
_SPENDING = (
    sa.select(
        spending.c.at,
        workspace.c.adapter,
        workspace.c.external_id.label("workspace"),
        spending.c.answerer,
        spending.c.model,
        spending.c.messages,
        spending.c.prompt_tokens,
        spending.c.completion_tokens,
        spending.c.cost.label("cost_millionths"),
    )
    .join(workspace, workspace.c.id == spending.c.workspace_id)
    .where(spending.c.person_id == _WHO)
    .order_by(spending.c.at)
)
_QUOTAS = sa.select(
    quota_counter.c.messages,
    quota_counter.c.tokens,
    quota_counter.c.cost.label("cost_millionths"),
    quota_counter.c.ends_at,
).where(quota_counter.c.person_id == _WHO)
_CHANGES = (
    sa.select(
        audit_log.c.seq.label("number"),
        audit_log.c.at,
        audit_log.c.action,
        audit_log.c.subject,
        audit_log.c.detail,
    )
    .where(audit_log.c.actor_id == _WHO)
    .order_by(audit_log.c.seq)
)
