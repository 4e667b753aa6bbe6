"""What people left beside their rankings, read many at a time; most left nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..feedback.remarks import Remark
from ..feedback.values import Rating
from .batches import with_text
from .driven import among, bytes_of, hex_of, id_portions
from .feedback_tables import judgment, rating
from .keys import Keyring
from .statements import compiled


def remarks(connection: Connection, keyring: Keyring, ids: Sequence[UUID]) -> Sequence[Remark]:
    """Return what was left beside the judgments with these ids, in no order; what is not there is left out."""
    dialect = connection.dialect.name
    judgments, ratings = _statements(dialect)
    found: list[Remark] = []
    for values in id_portions(dialect, ids):
        marks: dict[Any, list[Rating]] = {}
        for id_, candidate, axis, value, maximum in connection.exec_driver_sql(ratings, values).all():
            mark = Rating(candidate=hex_of(candidate), axis=axis, value=value, maximum=maximum)
            marks.setdefault(id_, []).append(mark)
        for id_, reason, guideline, comment, owner, body, wrapped in connection.exec_driver_sql(
            judgments, values
        ).all():
            text = ""
            if body is not None and (owner is None or wrapped is not None):
                text = keyring.open(wrapped, bytes_of(comment), body).decode("utf-8", "surrogatepass")
            found.append(
                Remark(
                    judgment=hex_of(id_),
                    reason=reason,
                    comment=text,
                    guideline_version=guideline,
                    ratings=tuple(marks.get(id_, ())),
                )
            )
    return found


@cache
def _statements(dialect: str) -> tuple[str, str]:
    """Return the statements for judgments and their ratings."""
    return compiled(dialect, _JUDGMENTS), compiled(dialect, _RATINGS)


_JUDGMENTS = with_text(
    sa.select(judgment.c.id, judgment.c.reason, judgment.c.guideline_version, judgment.c.comment_id).where(
        among(judgment.c.id)
    ),
    judgment.c.comment_id,
)
_RATINGS = (
    sa.select(rating.c.judgment_id, rating.c.candidate_id, rating.c.axis, rating.c.value, rating.c.maximum)
    .where(among(rating.c.judgment_id))
    .order_by(rating.c.judgment_id, rating.c.candidate_id, rating.c.axis)
)
