"""Questions and the answers to them that people compare: figures in clear, texts sealed with the key of whom they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from uuid_utils.compat import uuid7

from ..errors import StoreError
from ..feedback.values import Batch, Candidate, normal_form
from .feedback_tables import batch, batch_line, candidate
from .ids import id_if_any, id_of, keys_of, short
from .keys import Keyring
from .people import Scope, conversations, workspace_of
from .schema import content, person_key

Row: TypeAlias = Any
Owned: TypeAlias = tuple[UUID, UUID | None, str]
"""A text: its id, whose it is, and what it says."""


def add_batch(scope: Scope, asked: Batch) -> Batch:
    """Add ``asked`` unless it is there, and return it with its prompt."""
    if not asked.context:
        raise StoreError("a batch needs a context; its last line is the question")
    id_ = id_of(asked.id, "batch")
    prompt = scope.keyring.lookup("prompt", normal_form(asked.question))
    if scope.connection.scalar(sa.select(batch.c.id).where(batch.c.id == id_)) is not None:
        return replace(asked, prompt=prompt.hex())
    asker = id_if_any(asked.asker, "person")
    row = {
        "id": id_,
        "workspace_id": workspace_of(scope, asked.place),
        "conversation_id": conversations(scope, [asked.place])[asked.place],
        "asker_id": asker,
        "prompt": prompt,
        "reply_id": id_if_any(asked.reply, "reply"),
        "decision": asked.decision,
        "policy": short(asked.policy),
        "at": asked.at,
    }
    scope.run(sa.insert(batch), [row])
    lines = [
        {
            "id": uuid7(),
            "batch_id": id_,
            "ordinal": ordinal,
            "role": line.role,
            "author_id": id_if_any(line.author, "person"),
        }
        for ordinal, line in enumerate(asked.context)
    ]
    texts = [
        (row["id"], row["author_id"] or asker, line.text)
        for row, line in zip(lines, asked.context, strict=True)
    ]
    _keep(scope, cast("list[Owned]", texts))
    scope.run(sa.insert(batch_line), lines)
    return replace(asked, prompt=prompt.hex())


def add_candidates(scope: Scope, answers: Sequence[Candidate]) -> None:
    """Add ``answers``, those that are not there. Raises `StoreError`."""
    ids = [id_of(answer.id, "candidate") for answer in answers]
    known = set(_in(scope.connection, sa.select(candidate.c.id), candidate.c.id, ids).scalars())
    batches = {id_of(answer.batch, "batch") for answer in answers}
    askers = {
        row.id: row.asker_id
        for row in _in(scope.connection, sa.select(batch.c.id, batch.c.asker_id), batch.c.id, list(batches))
    }
    if batches - askers.keys():
        raise StoreError(f"there is no batch {min(batches - askers.keys()).hex!r} to add candidates to")
    new = [(id_, answer) for id_, answer in zip(ids, answers, strict=True) if id_ not in known]
    _check_ordinals(scope.connection, [answer for _, answer in new])
    texts: list[Owned] = []
    rows: list[dict[str, Any]] = []
    for id_, answer in new:
        author = id_if_any(answer.author, "person")
        texts.append((id_, author or askers[id_of(answer.batch, "batch")], answer.text))
        rows.append(_candidate_row(scope, id_, author, answer))
    _keep(scope, texts)
    scope.run(sa.insert(candidate), rows)


def _check_ordinals(connection: Connection, answers: Sequence[Candidate]) -> None:
    batches = [id_of(answer.batch, "batch") for answer in answers]
    taken = {
        (row.batch_id.hex, row.ordinal)
        for row in _in(
            connection, sa.select(candidate.c.batch_id, candidate.c.ordinal), candidate.c.batch_id, batches
        )
    }
    for answer in answers:
        place = (UUID(answer.batch).hex, answer.ordinal)
        if place in taken:
            raise StoreError(
                f"batch {answer.batch!r} has a candidate with the ordinal {answer.ordinal} already"
            )
        taken.add(place)


def _candidate_row(scope: Scope, id_: UUID, author: UUID | None, answer: Candidate) -> dict[str, Any]:
    return {
        "id": id_,
        "batch_id": id_of(answer.batch, "batch"),
        "ordinal": answer.ordinal,
        "origin": answer.origin,
        "answerer": short(answer.answerer),
        "model_version_id": id_if_any(answer.model_version, "model version"),
        "sampling_config_id": id_if_any(answer.sampling_config, "sampling config"),
        "seed": "" if answer.seed is None else str(answer.seed)[:40],
        "finish": short(answer.finish, 40),
        "tokens": answer.tokens,
        "author_id": author,
        "edited_from_id": id_if_any(answer.edited_from, "candidate"),
        "decision": answer.decision,
        "policy": short(answer.policy),
        "latency_ms": answer.latency_ms,
        "logprob": answer.logprob,
        "characters": answer.characters,
        "at": scope.now,
    }


def _keep(scope: Scope, texts: Sequence[Owned]) -> None:
    """Keep texts under their owners' keys; nothing of whoever was erased meanwhile."""
    keys = keys_of(scope.connection, (owner for _, owner, _ in texts))
    rows = [
        {
            "id": id_,
            "person_id": owner,
            "body": scope.keyring.seal(keys[owner], id_.bytes, text.encode("utf-8", "surrogatepass")),
            "created_at": scope.now,
            "erased_at": None,
        }
        for id_, owner, text in texts
        if owner in keys
    ]
    scope.run(sa.insert(content), rows)


def keep_text(scope: Scope, id_: UUID, owner: UUID | None, text: str) -> None:
    """Keep one text under its owner's key."""
    _keep(scope, [(id_, owner, text)])


def opened(keyring: Keyring, row: Row) -> str | None:
    """Return the text of a row with ``id``, ``owner_id``, ``body`` and ``wrapped``, None if it is not kept any more."""
    if row.body is None or (row.owner_id is not None and row.wrapped is None):
        return None
    return keyring.open(row.wrapped, row.id.bytes, row.body).decode("utf-8", "surrogatepass")


def _in(connection: Connection, query: Any, column: sa.Column[Any], ids: Sequence[UUID]) -> Any:
    return connection.execute(query.where(column.in_(ids)))


def with_text(query: Any, id_: sa.Column[Any]) -> sa.Select[Any]:
    """Return ``query``, a select, with the columns that `opened` reads, of the content with the id ``id_``."""
    whole: sa.Select[Any] = (
        query.add_columns(content.c.person_id.label("owner_id"), content.c.body, person_key.c.wrapped)
        .outerjoin(content, content.c.id == id_)
        .outerjoin(person_key, person_key.c.person_id == content.c.person_id)
    )
    return whole
