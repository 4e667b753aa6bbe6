"""Ids as values have them, hexadecimal, and as rows have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import StoreError
from .feedback_tables import NAME
from .people import storable
from .schema import person_key

PORTION = 500
"""Ids in one statement."""


def id_of(text: str, noun: str) -> UUID:
    """Return the id of a ``noun``. Raises `StoreError` where ``text`` is none."""
    found = id_or_none(text)
    if found is None:
        raise StoreError(f"{text!r} is no id of a {noun}; it would be 32 hexadecimal digits")
    return found


def id_if_any(text: str, noun: str) -> UUID | None:
    """Return the id of a ``noun``, None where ``text`` is empty. Raises `StoreError`."""
    return id_of(text, noun) if text else None


def id_or_none(text: str) -> UUID | None:
    """Return the id, None where ``text`` is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def text_of_id(id_: UUID | None) -> str:
    """Return an id as values have it, empty for None."""
    return "" if id_ is None else id_.hex


def short(name: str, length: int = NAME) -> str:
    """Return ``name`` as a column for names takes it: what is too long is cut."""
    return storable(name)[:length]


def keys_of(connection: Connection, people: Iterable[UUID | None]) -> Mapping[UUID | None, bytes | None]:
    """Return the keys of ``people``, wrapped; who was erased is not there. None, for nobody, has the store's own."""
    wanted = list({person for person in people if person is not None})
    found: dict[UUID | None, bytes | None] = {None: None}
    for start in range(0, len(wanted), PORTION):
        rows = connection.execute(_KEYS, {"people": wanted[start : start + PORTION]})
        found.update({row.person_id: row.wrapped for row in rows})
    return found


_KEYS = sa.select(person_key.c.person_id, person_key.c.wrapped).where(
    person_key.c.person_id.in_(sa.bindparam("people", expanding=True))
)
