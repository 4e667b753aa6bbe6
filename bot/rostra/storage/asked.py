"""Questions and the answers to them as they were added, read many at a time; what lost its key comes without its text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import load
from ..feedback.values import Batch, Candidate, Line, Shown
from ..places import Place
from .batches import with_text
from .driven import among, bytes_of, hex_of, id_portions, moment_of
from .feedback_tables import batch, batch_line, candidate
from .keys import Keyring
from .schema import conversation, workspace
from .statements import compiled

Row: TypeAlias = Any


def shown(connection: Connection, keyring: Keyring, ids: Sequence[UUID]) -> Sequence[Shown]:
    """Return these batches and their candidates, in this order; what is not there is left out."""
    dialect = connection.dialect.name
    batches, lines, candidates = _statements(dialect)
    found: dict[str, Shown] = {}
    places: dict[Any, Place] = {}
    for values in id_portions(dialect, ids):
        said: dict[Any, list[Line]] = {}
        for row in connection.exec_driver_sql(lines, values).all():
            said.setdefault(row[0], []).append(_line(keyring, row))
        answers: dict[Any, list[Candidate]] = {}
        for row in connection.exec_driver_sql(candidates, values).all():
            answers.setdefault(row[0], []).append(_candidate(keyring, row))
        for row in connection.exec_driver_sql(batches, values).all():
            one = _batch(row, tuple(said.get(row[0], ())), _place(keyring, row, places))
            found[one.id] = Shown(batch=one, candidates=tuple(answers.get(row[0], ())))
    return [found[id_.hex] for id_ in ids if id_.hex in found]


def _place(keyring: Keyring, row: Row, known: dict[Any, Place]) -> Place:
    """Return where it was asked; most questions come from few places."""
    if row[9] is None:
        return Place(adapter=row[7], workspace=row[8], channel="")
    if row[10] not in known:
        known[row[10]] = cast("Place", load(Place, keyring.open(None, bytes_of(row[10]), row[9])))
    return known[row[10]]


def _batch(row: Row, context: tuple[Line, ...], place: Place) -> Batch:
    return Batch(
        id=hex_of(row[0]),
        place=place,
        asker=hex_of(row[1]),
        context=context,
        at=moment_of(row[2]),
        prompt=bytes(row[3]).hex(),
        reply=hex_of(row[4]),
        decision=row[5],
        policy=row[6],
    )


def _line(keyring: Keyring, row: Row) -> Line:
    text = _opened(keyring, row[1], row[-3:])
    return Line(role=row[2], text=text or "", author=hex_of(row[3]), retained=text is not None)


def _candidate(keyring: Keyring, row: Row) -> Candidate:
    text = _opened(keyring, row[1], row[-3:])
    return Candidate(
        id=hex_of(row[1]),
        batch=hex_of(row[0]),
        ordinal=row[2],
        text=text or "",
        origin=row[3],
        answerer=row[4],
        model_version=hex_of(row[5]),
        sampling_config=hex_of(row[6]),
        seed=int(row[7]) if row[7] else None,
        finish=row[8],
        tokens=row[9],
        author=hex_of(row[10]),
        edited_from=hex_of(row[11]),
        decision=row[12],
        policy=row[13],
        latency_ms=row[14],
        logprob=row[15],
        characters=row[16],
        retained=text is not None,
    )


def _opened(keyring: Keyring, id_: Any, sealed: Sequence[Any]) -> str | None:
    """Return a text, as `rostra.storage.batches.opened` does."""
    owner, body, wrapped = sealed
    if body is None or (owner is not None and wrapped is None):
        return None
    return keyring.open(wrapped, bytes_of(id_), body).decode("utf-8", "surrogatepass")


@cache
def _statements(dialect: str) -> tuple[str, str, str]:
    """Return the statements for batches, their lines and their candidates."""
    return compiled(dialect, _BATCHES), compiled(dialect, _LINES), compiled(dialect, _CANDIDATES)


_BATCHES = (
    sa.select(
        batch.c.id,
        batch.c.asker_id,
        batch.c.at,
        batch.c.prompt,
        batch.c.reply_id,
        batch.c.decision,
        batch.c.policy,
        workspace.c.adapter,
        workspace.c.external_id,
        conversation.c.place_sealed,
        conversation.c.id,
    )
    .select_from(batch)
    .join(workspace, workspace.c.id == batch.c.workspace_id)
    .outerjoin(conversation, conversation.c.id == batch.c.conversation_id)
    .where(among(batch.c.id))
)
_LINES = with_text(
    sa.select(batch_line.c.batch_id, batch_line.c.id, batch_line.c.role, batch_line.c.author_id)
    .where(among(batch_line.c.batch_id))
    .order_by(batch_line.c.batch_id, batch_line.c.ordinal),
    batch_line.c.id,
)
_CANDIDATES = with_text(
    sa.select(
        candidate.c.batch_id,
        candidate.c.id,
        candidate.c.ordinal,
        candidate.c.origin,
        candidate.c.answerer,
        candidate.c.model_version_id,
        candidate.c.sampling_config_id,
        candidate.c.seed,
        candidate.c.finish,
        candidate.c.tokens,
        candidate.c.author_id,
        candidate.c.edited_from_id,
        candidate.c.decision,
        candidate.c.policy,
        candidate.c.latency_ms,
        candidate.c.logprob,
        candidate.c.characters,
    )
    .where(among(candidate.c.batch_id))
    .order_by(candidate.c.batch_id, candidate.c.ordinal),
    candidate.c.id,
)
