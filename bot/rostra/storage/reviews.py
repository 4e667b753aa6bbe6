"""The queue of texts that operators are to look at: figures in clear, the text sealed with its author's key."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import from_plain, load, parse, text_of, to_plain
from ..errors import StoreError
from ..events import Event
from ..places import Person, Place
from ..stores import Case, Label, Review
from ..verdicts import Decision, Span, Verdict
from .audit import append
from .keys import Keyring
from .names import names
from .people import ANYBODY, Scope, askers, conversations, storable
from .schema import content, conversation, person_key, review_decision, review_item, workspace
from .verdicts import name_of

Row = Any
"""A row of `_ITEMS`: SQLAlchemy does not tell the types of rows apart."""


def queue(scope: Scope, id_: UUID, event: Event, reply: UUID, case: Case) -> UUID:
    """Put ``case`` into the queue as ``id_``; return the id of the one that is there for this reply and direction."""
    same = (review_item.c.reply_id == reply) & (review_item.c.direction == case.direction)
    there: UUID | None = scope.connection.scalar(sa.select(review_item.c.id).where(same).limit(1))
    if there is not None:
        return there
    author = event.author
    asker = ANYBODY
    if author is not None:
        asker = askers(scope, [(event.place.adapter, author)])[event.place.adapter, author.id]
    verdict = case.verdict
    plain = {
        "text": case.text,
        "question": case.question,
        "spans": to_plain(verdict.spans, tuple[Span, ...]),
    }
    body = scope.keyring.seal(asker.wrapped, id_.bytes, text_of(plain))
    scope.run(
        sa.insert(content),
        [{"id": id_, "person_id": asker.id, "body": body, "created_at": scope.now, "erased_at": None}],
    )
    row = {
        "id": id_,
        "reply_id": reply,
        "conversation_id": conversations(scope, [event.place])[event.place],
        "person_id": asker.id,
        "direction": case.direction,
        "decision": verdict.decision.name.lower(),
        "action": name_of(case.action),
        "source": name_of(verdict.source),
        "categories": _scores(verdict.categories),
        "rule": name_of(verdict.rule),
        "policy": name_of(verdict.policy),
        "at": scope.now,
    }
    scope.run(sa.insert(review_item), [row])
    return id_


def decide(
    scope: Scope, ids: tuple[UUID, UUID], item: UUID, label: Label, actor: tuple[str, Person] | None
) -> None:
    """Add a decision; ``ids`` are its own and that of its entry in the log. Raises `StoreError`: no such case."""
    reply = scope.connection.scalar(sa.select(review_item.c.reply_id).where(review_item.c.id == item))
    if reply is None:
        raise StoreError(f"there is no case {item.hex!r} in the queue")
    if scope.connection.scalar(sa.select(review_decision.c.id).where(review_decision.c.id == ids[0])):
        return
    person = None if actor is None else askers(scope, [actor])[actor[0], actor[1].id].id
    row = {"id": ids[0], "item_id": item, "actor_id": person, "label": label, "at": scope.now}
    scope.run(sa.insert(review_decision), [row])
    space = scope.connection.scalar(
        sa.select(conversation.c.workspace_id)
        .join(review_item, review_item.c.conversation_id == conversation.c.id)
        .where(review_item.c.id == item)
    )
    where = {} if space is None else {"workspace": space.hex}
    append(scope, ids[1], actor, f"review {label}", reply.hex, {"case": item.hex, **where})


def reviews(
    connection: Connection, keyring: Keyring, place: Place | None, limit: int, *, decided: bool
) -> Sequence[Review]:
    """Return the last cases, newest first; see `rostra.stores.Reviews.reviews`."""
    query = _DECIDED if decided else _OPEN
    if place is not None:
        query = query.where(
            workspace.c.adapter == place.adapter, workspace.c.external_id == storable(place.workspace)
        )
    return _read(connection, keyring, connection.execute(query.limit(limit)).all())


def review(connection: Connection, keyring: Keyring, id_: UUID) -> Review | None:
    """Return one case."""
    found = connection.execute(_ITEMS.where(review_item.c.id == id_)).all()
    return next(iter(_read(connection, keyring, found)), None)


def reviews_of(connection: Connection, keyring: Keyring, author: UUID) -> Sequence[Review]:
    """Return all cases about what ``author`` asked and was answered, oldest first; who decided is left out."""
    found = connection.execute(_ITEMS.where(review_item.c.person_id == author)).all()
    return [replace(one, by="") for one in reversed(_read(connection, keyring, found))]


def _scores(categories: Mapping[str, float]) -> dict[str, float]:
    return {
        name_of(name): float(score) if math.isfinite(score) else 1.0 for name, score in categories.items()
    }


def _read(connection: Connection, keyring: Keyring, rows: Sequence[Row]) -> Sequence[Review]:
    ids = {person for row in rows for person in (row.person_id, row.actor_id)}
    who = names(connection, keyring, ids)
    return [_review(keyring, row, who) for row in rows]


def _review(keyring: Keyring, row: Row, who: Mapping[UUID, str]) -> Review:
    body: bytes | None = row.body
    if row.owner is not None and row.wrapped is None:
        body = None
    plain: Any = {"text": "", "question": "", "spans": []}
    if body is not None:
        plain = parse(keyring.open(row.wrapped, row.id.bytes, body))
    place = None
    if row.conversation_id is not None:
        place = load(Place, keyring.open(None, row.conversation_id.bytes, row.place_sealed))
    verdict = Verdict(
        decision=Decision[row.decision.upper()],
        source=row.source,
        categories=row.categories,
        spans=from_plain(tuple[Span, ...], plain["spans"]),
        rule=row.rule,
        policy=row.policy,
    )
    return Review(
        id=row.id.hex,
        reply=row.reply_id.hex,
        at=row.at,
        case=Case(
            direction=row.direction,
            verdict=verdict,
            text=plain["text"],
            question=plain["question"],
            action=row.action,
        ),
        retained=body is not None,
        place=place,
        author=who.get(row.person_id, ""),
        label=row.label,
        decided_at=row.decided_at,
        by=who.get(row.actor_id, ""),
    )


_later = review_decision.alias("later")
_LAST_DECISION = (review_decision.c.item_id == review_item.c.id) & ~sa.select(_later.c.id).where(
    _later.c.item_id == review_decision.c.item_id, _later.c.id > review_decision.c.id
).exists()
_ITEMS = (
    sa.select(
        review_item,
        conversation.c.place_sealed,
        content.c.person_id.label("owner"),
        content.c.body,
        person_key.c.wrapped,
        review_decision.c.label,
        review_decision.c.actor_id,
        review_decision.c.at.label("decided_at"),
    )
    .outerjoin(conversation, conversation.c.id == review_item.c.conversation_id)
    .outerjoin(workspace, workspace.c.id == conversation.c.workspace_id)
    .outerjoin(content, content.c.id == review_item.c.id)
    .outerjoin(person_key, person_key.c.person_id == content.c.person_id)
    .outerjoin(review_decision, _LAST_DECISION)
    .order_by(review_item.c.id.desc())
)
_OPEN = _ITEMS.where(review_decision.c.id.is_(None), content.c.body.is_not(None))
_DECIDED = _ITEMS.where(review_decision.c.id.is_not(None))
