"""What people left beside their rankings, read many at a time; most left nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..feedback.remarks import Remark
from ..feedback.values import Rating
from .driven import among, bytes_of, hex_of, id_portions
from .feedback_tables import judgment, rating
from .keys import Keyring
from .schema import content, person_key
from .statements import compiled


def remarks(connection: Connection, keyring: Keyring, ids: Sequence[UUID]) -> Sequence[Remark]:
    """Return what was left beside the judgments with these ids, in no order; what is not there is left out."""
    dialect = connection.dialect.name
    judgments, ratings, _ = _statements(dialect)
    found: list[Remark] = []
    for values in id_portions(dialect, ids):
        marks: dict[Any, list[Rating]] = {}
        for id_, candidate, axis, value, maximum in connection.exec_driver_sql(ratings, values).all():
            mark = Rating(candidate=hex_of(candidate), axis=axis, value=value, maximum=maximum)
            marks.setdefault(id_, []).append(mark)
        rows = connection.exec_driver_sql(judgments, values).all()
        texts = _texts(connection, keyring, [row[3] for row in rows if row[3] is not None])
        found += [
            Remark(
                judgment=hex_of(id_),
                reason=reason,
                comment=texts.get(comment, ""),
                guideline_version=guideline,
                ratings=tuple(marks.get(id_, ())),
            )
            for id_, reason, guideline, comment in rows
        ]
    return found


def _texts(connection: Connection, keyring: Keyring, comments: Sequence[Any]) -> Mapping[Any, str]:
    """Return the comments with these ids that can be read, by their ids as the driver gives them."""
    dialect = connection.dialect.name
    found: dict[Any, str] = {}
    for values in id_portions(dialect, [UUID(bytes=bytes_of(id_)) for id_ in comments]):
        for id_, owner, body, wrapped in connection.exec_driver_sql(_statements(dialect)[2], values).all():
            if body is not None and (owner is None or wrapped is not None):
                found[id_] = keyring.open(wrapped, bytes_of(id_), body).decode("utf-8", "surrogatepass")
    return found


@cache
def _statements(dialect: str) -> tuple[str, str, str]:
    """Return the statements for judgments, their ratings and their comments."""
    return compiled(dialect, _JUDGMENTS), compiled(dialect, _RATINGS), compiled(dialect, _COMMENTS)


_JUDGMENTS = sa.select(
    judgment.c.id, judgment.c.reason, judgment.c.guideline_version, judgment.c.comment_id
).where(among(judgment.c.id))
_COMMENTS = (
    sa.select(content.c.id, content.c.person_id, content.c.body, person_key.c.wrapped)
    .outerjoin(person_key, person_key.c.person_id == content.c.person_id)
    .where(among(content.c.id))
)
_RATINGS = (
    sa.select(rating.c.judgment_id, rating.c.candidate_id, rating.c.axis, rating.c.value, rating.c.maximum)
    .where(among(rating.c.judgment_id))
    .order_by(rating.c.judgment_id, rating.c.candidate_id, rating.c.axis)
)
