"""Notes on what was said before what is still read: one for each conversation, gone with the oldest thing they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..events import Event
from ..places import Place
from ..stores import Summary
from .keys import Keyring
from .people import ANYBODY, Scope, askers, conversations, lookup_of
from .schema import content, conversation, message, person_key, summary


def current(connection: Connection, keyring: Keyring, place: Place) -> Summary | None:
    """Return the summary of ``place``, unless it was started afresh since."""
    row = connection.execute(_CURRENT, {"lookup": lookup_of(keyring, place)}).first()
    if row is None or row.body is None or (row.person_id is not None and row.wrapped is None):
        return None
    text = keyring.open(row.wrapped, row.id.bytes, row.body).decode("utf-8", "surrogatepass")
    return Summary(id=row.id.hex, reply=row.reply_id.hex, text=text)


def put(
    scope: Scope, id_: UUID, event: Event, text: str, replies: Sequence[UUID], follows: UUID | None
) -> bool:
    """Put ``text`` in place of the summary ``follows``; see `rostra.stores.Conversations.summarise`."""
    connection = scope.connection
    place = conversations(scope, [event.place])[event.place]
    there = connection.execute(_THERE, {"conversation": place}).first()
    if there is not None and there.id == id_:  # the commit got lost on the way, and was none the less
        return True
    if follows != (there.id if there is not None and there.fresh else None):
        return False
    last = _last_said(connection, place, replies)
    if last is None:
        return False
    if there is not None:
        remove(connection, [there.id])
    asker = ANYBODY
    if event.author is not None:
        asker = askers(scope, [(event.place.adapter, event.author)])[event.place.adapter, event.author.id]
    body = scope.keyring.seal(asker.wrapped, id_.bytes, text.encode("utf-8", "surrogatepass"))
    row = {"id": id_, "person_id": asker.id, "body": body, "created_at": scope.now, "erased_at": None}
    scope.run(sa.insert(content), [row])
    since = replies[0] if follows is None or there is None else there.since_id
    row = {
        "id": id_,
        "conversation_id": place,
        "since_id": since,
        "reply_id": replies[-1],
        "upto_id": last,
        "created_at": scope.now,
    }
    scope.run(sa.insert(summary), [row])
    return True


def since(connection: Connection, replies: Sequence[UUID]) -> Sequence[UUID]:
    """Return the summaries whose oldest words belong to one of ``replies``."""
    return connection.scalars(sa.select(summary.c.id).where(summary.c.since_id.in_(replies))).all()


def remove_with(connection: Connection, people: Sequence[UUID]) -> None:
    """Remove the summaries of all conversations in which one of ``people`` has asked."""
    spoke = (
        sa.select(message.c.conversation_id)
        .join(content, content.c.id == message.c.id)
        .where(content.c.person_id.in_(people))
    )
    found = connection.scalars(sa.select(summary.c.id).where(summary.c.conversation_id.in_(spoke))).all()
    remove(connection, found)


def remove(connection: Connection, ids: Sequence[UUID]) -> None:
    """Remove summaries, and the contents that hold them."""
    connection.execute(sa.delete(summary).where(summary.c.id.in_(ids)))
    connection.execute(sa.delete(content).where(content.c.id.in_(ids)))


def _last_said(connection: Connection, place: UUID, replies: Sequence[UUID]) -> UUID | None:
    """Return the last message of ``replies``; None if one of them is gone, or from before a fresh start."""
    said = connection.execute(_SAID, {"conversation": place, "replies": list(replies)}).all()
    if {row.reply_id for row in said} != set(replies) or any(row.gone for row in said):
        return None
    return max((row.id for row in said), default=None)


_CURRENT = (
    sa.select(summary.c.id, summary.c.reply_id, content.c.person_id, content.c.body, person_key.c.wrapped)
    .select_from(conversation)
    .join(summary, summary.c.conversation_id == conversation.c.id)
    .join(content, content.c.id == summary.c.id)
    .outerjoin(person_key, person_key.c.person_id == content.c.person_id)
    .where(conversation.c.lookup == sa.bindparam("lookup"), summary.c.upto_id > conversation.c.fresh_after)
)
_THERE = (
    sa.select(
        summary.c.id, summary.c.since_id, (summary.c.upto_id > conversation.c.fresh_after).label("fresh")
    )
    .join(conversation, conversation.c.id == summary.c.conversation_id)
    .where(summary.c.conversation_id == sa.bindparam("conversation"))
)
_SAID = (
    sa.select(message.c.id, message.c.reply_id, content.c.body.is_(None).label("gone"))
    .join(content, content.c.id == message.c.id)
    .join(conversation, conversation.c.id == message.c.conversation_id)
    .where(
        message.c.conversation_id == sa.bindparam("conversation"),
        message.c.id > conversation.c.fresh_after,
        message.c.reply_id.in_(sa.bindparam("replies", expanding=True)),
    )
)
