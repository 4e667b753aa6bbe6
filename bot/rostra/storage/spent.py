"""What was used in some time, added up by person, model, channel or answerer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import load
from ..places import Place
from ..spending import Dimension, Spent
from .keys import Keyring
from .names import names
from .people import storable
from .schema import conversation, spending, workspace


def spent(
    connection: Connection,
    keyring: Keyring,
    since: datetime,
    until: datetime,
    by: Dimension,
    place: Place | None,
) -> Sequence[Spent]:
    """Return what was used from ``since`` to before ``until``, most first; see `rostra.spending.Spendings.spent`."""
    column = _COLUMNS[by]
    query = (
        sa.select(
            column.label("what"),
            sa.func.sum(spending.c.messages).label("messages"),
            sa.func.sum(spending.c.prompt_tokens).label("prompt"),
            sa.func.sum(spending.c.completion_tokens).label("completion"),
            sa.func.sum(spending.c.cost).label("cost"),
        )
        .where(spending.c.at >= since, spending.c.at < until, spending.c.messages > 0)
        .group_by(column)
    )
    if place is not None:
        query = query.join(workspace, workspace.c.id == spending.c.workspace_id).where(
            workspace.c.adapter == place.adapter, workspace.c.external_id == storable(place.workspace)
        )
    rows = connection.execute(query).all()
    called = _called(connection, keyring, by, [row.what for row in rows])
    totals: dict[str, Spent] = {}
    for row in rows:
        name = called.get(row.what, "")
        so_far = totals.get(name, Spent(name=name, messages=0, prompt=0, completion=0, cost=0))
        totals[name] = Spent(
            name=name,
            messages=so_far.messages + int(row.messages),
            prompt=so_far.prompt + int(row.prompt),
            completion=so_far.completion + int(row.completion),
            cost=so_far.cost + int(row.cost),
        )
    return sorted(totals.values(), key=lambda one: (-one.cost, -one.prompt - one.completion, one.name))


def _called(
    connection: Connection, keyring: Keyring, by: Dimension, found: Sequence[Any]
) -> Mapping[Any, str]:
    if by == "person":
        return names(connection, keyring, found)
    if by == "channel":
        wanted = [id_ for id_ in found if id_ is not None]
        rows = connection.execute(
            sa.select(conversation.c.id, conversation.c.place_sealed).where(conversation.c.id.in_(wanted))
        )
        return {row.id: _channel(keyring, row.id, row.place_sealed) for row in rows}
    return {name: name for name in found}


def _channel(keyring: Keyring, id_: UUID, sealed: bytes) -> str:
    place: Place = load(Place, keyring.open(None, id_.bytes, sealed))
    return replace(place, thread=None).key


_COLUMNS: Mapping[Dimension, sa.Column[Any]] = {
    "person": spending.c.person_id,
    "channel": spending.c.conversation_id,
    "model": spending.c.model,
    "answerer": spending.c.answerer,
}
