"""Rows as the drivers give them, for reading very many: SQLAlchemy's types and its making of values take most of the time else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from .ids import PORTION
from .statements import bulk


def hex_of(value: Any) -> str:
    """Return the text of an id, empty for none."""
    if value is None:
        return ""
    text: str = value.hex if isinstance(value, UUID) else value.hex()
    return text


def hexer(dialect: str) -> Callable[[Any], str]:
    """Return what makes the text of an id that is there, as fast as it can be made."""
    return attrgetter("hex") if dialect == "postgresql" else bytes.hex


def bytes_of(value: Any) -> bytes:
    """Return the sixteen bytes of an id."""
    return value.bytes if isinstance(value, UUID) else bytes(value)


def moment_of(value: Any) -> datetime:
    """Return a moment in UTC."""
    at: datetime = (
        datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value.astimezone(UTC)
    )
    return at


def among(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that ``column`` is one of the ids that `id_portions` gives, in a statement that is compiled once."""
    return column.in_([sa.bindparam(f"id{number}") for number in range(PORTION)])


def id_portions(dialect: str, ids: Sequence[UUID]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of `among` for all ``ids``, a statement's at a time; the last ones are filled up with one that is there."""
    key = bulk(dialect).key
    for start in range(0, len(ids), PORTION):
        part = [key(id_) for id_ in ids[start : start + PORTION]]
        part += part[:1] * (PORTION - len(part))
        yield {f"id{number}": id_ for number, id_ in enumerate(part)}
