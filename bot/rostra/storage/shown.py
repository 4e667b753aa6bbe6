"""From a message of a platform back to the reply that it shows."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import parse
from ..places import Place
from .keys import Keyring
from .people import lookup_of
from .schema import conversation, outbox, person_key, trace

LOOKED_AT = 5000
"""Replies of a place that are looked at, newest first.

What shows a reply stands in its sealed receipt: an index over it would cost every answer a row, for a question that is
seldom asked and then mostly about one of the last answers.
"""


def reply_shown(connection: Connection, keyring: Keyring, place: Place, message: str) -> str | None:
    """Return the id of the reply in ``place`` that the message with this id shows, among the last ones."""
    found = connection.execute(_RECEIPTS, {"lookup": lookup_of(keyring, place), "limit": LOOKED_AT})
    for row in found:
        if row.person_id is not None and row.wrapped is None:
            continue
        if message in parse(keyring.open(row.wrapped, row.reply_id.bytes, row.receipt))["shown"]:
            return str(row.reply_id.hex)
    return None


_RECEIPTS = (
    sa.select(outbox.c.reply_id, outbox.c.receipt, trace.c.person_id, person_key.c.wrapped)
    .select_from(trace)
    .join(conversation, conversation.c.id == trace.c.conversation_id)
    .join(outbox, outbox.c.reply_id == trace.c.reply_id)
    .outerjoin(person_key, person_key.c.person_id == trace.c.person_id)
    .where(conversation.c.lookup == sa.bindparam("lookup"), outbox.c.receipt.is_not(None))
    .order_by(trace.c.reply_id.desc())
    .limit(sa.bindparam("limit"))
)
