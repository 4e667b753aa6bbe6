"""What is done and old goes, a portion at a time, so that those who write in between need not wait long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from . import accounts, passes, spending, summaries, talks
from .people import Scope
from .schema import content, inbox, message, outbox, review_item, sanction, summary, trace

PORTION = 500
"""Replies in one transaction."""


def purge_portion(scope: Scope, before: datetime) -> tuple[int, bool]:
    """Remove the oldest replies done before ``before``. Return how many contents went, and whether to go on.

    Verdicts stay, and so does what is left of the cases that operators looked at: they are names and figures, and
    statistics need them; what questions took is kept for longer. Strikes and time-outs go when they have been over for as long.
    """
    connection = scope.connection
    connection.execute(sa.delete(sanction).where(sanction.c.until < before))
    spending.purge(connection, scope.now)
    accounts.purge(connection, scope.now)
    passes.purge(connection, scope.now)
    talks.purge(scope, before)
    old = connection.execute(_OLD, {"before": before, "portion": PORTION}).all()
    if not old:
        return 0, False
    replies = [row.reply_id for row in old]
    said = connection.scalars(_SAID, {"replies": replies}).all()
    cases = connection.scalars(_CASES, {"replies": replies}).all()
    told = summaries.since(connection, replies)
    contents = [
        *replies,
        *said,
        *told,
        *cases,
        *(row.content_id for row in old if row.content_id is not None),
    ]
    connection.execute(sa.delete(summary).where(summary.c.id.in_(told)))
    connection.execute(sa.delete(message).where(message.c.reply_id.in_(replies)))
    connection.execute(
        sa.update(review_item)
        .where(review_item.c.reply_id.in_(replies))
        .values(person_id=None, conversation_id=None)
    )
    connection.execute(sa.delete(trace).where(trace.c.reply_id.in_(replies)))
    talks.purge_replies(connection, replies)
    connection.execute(sa.delete(outbox).where(outbox.c.reply_id.in_(replies)))
    connection.execute(sa.delete(inbox).where(inbox.c.reply_id.in_(replies)))
    gone = _delete_contents(connection, contents)
    for reply in replies:
        scope.memo.replies.drop(reply)
    return gone, len(old) == PORTION


def _delete_contents(connection: Connection, ids: Sequence[UUID]) -> int:
    return connection.execute(sa.delete(content).where(content.c.id.in_(ids))).rowcount


_OLD = (
    sa.select(outbox.c.reply_id, outbox.c.content_id)
    .where(outbox.c.done_at < sa.bindparam("before"))
    .order_by(outbox.c.done_at)
    .limit(sa.bindparam("portion"))
)
_SAID = sa.select(message.c.id).where(message.c.reply_id.in_(sa.bindparam("replies", expanding=True)))
_CASES = sa.select(review_item.c.id).where(
    review_item.c.reply_id.in_(sa.bindparam("replies", expanding=True))
)
