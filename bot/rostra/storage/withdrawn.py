"""What feedback keeps about somebody, and how it goes: shown to them, expired, withdrawn, erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from uuid_utils.compat import uuid7

from ..feedback.values import Dossier, Erasure, OwnText
from . import consents, datasets, erase, judgments
from .audit import append
from .batches import opened, with_text
from .feedback_tables import assignment, batch, batch_line, candidate, exclusion, judgment, rank_task
from .keys import Keyring
from .people import Scope
from .schema import content

PORTION = 500

WITHDRAWN = "withdrawn"
"""The reason of exclusions that an erasure makes."""


class Expired(NamedTuple):
    """A text that is to go: the row it belongs to, its own id, and the batch that cannot be asked about without it."""

    row: UUID
    text: UUID
    batch: UUID | None


def dossier(connection: Connection, keyring: Keyring, who: UUID) -> Dossier:
    """Return all that feedback keeps about somebody."""
    texts = [
        OwnText(id=row.id.hex, kind=kind, text=text, at=row.created_at)
        for kind, query in _OWN.items()
        for row in connection.execute(query, {"who": who})
        if (text := opened(keyring, row)) is not None
    ]
    targets = [who, *connection.scalars(sa.select(judgment.c.id).where(judgment.c.person_id == who))]
    out = [
        one
        for start in range(0, len(targets), PORTION)
        for one in consents.exclusions(
            connection, exclusion.c.target_id.in_(targets[start : start + PORTION])
        )
    ]
    return Dossier(
        person=who.hex,
        consents=tuple(consents.all_consents(connection, who)),
        texts=tuple(texts),
        judgments=tuple(judgments.read(connection, keyring, judgment.c.person_id == who)),
        thumbs=tuple(consents.thumbs_of(connection, who)),
        exclusions=tuple(out),
        lineage=datasets.lineage(connection, datasets.containing(connection, [who])),
    )


def forget(scope: Scope, entry: UUID, account: tuple[str, str], *, withdraw: bool) -> Erasure:
    """Forget the person with this adapter and id; see `rostra.feedback.stores.Datasets.erase`.

    ``entry`` is the id that this gets in the log of changes, with the pseudonym, which leads nowhere any more.
    """
    connection = scope.connection
    people = erase.known_as(connection, scope.keyring, *account)
    if not people:
        return Erasure(known=False)
    held = datasets.containing(connection, people)
    mine = content.c.person_id.in_(people) & content.c.body.is_not(None)
    texts = connection.scalar(sa.select(sa.func.count()).select_from(content).where(mine)) or 0
    said = connection.scalars(sa.select(judgment.c.id).where(judgment.c.person_id.in_(people))).all()
    erase.shred(scope, *account)
    _forget_people(connection, people)
    datasets.taint(scope, held)
    if withdraw and said:
        for who in people:
            _withdraw(scope, who)
    done = Erasure(
        known=True,
        texts=texts,
        judgments=len(said),
        withdrawn=withdraw,
        lineage=datasets.lineage(connection, held),
    )
    append(scope, entry, None, "erase person", " ".join(f"person {who}" for who in people), done.counts)
    return done


def _withdraw(scope: Scope, who: UUID) -> None:
    row = {
        "id": uuid7(),
        "kind": "person",
        "target_id": who,
        "campaign_id": None,
        "reason": WITHDRAWN,
        "method": "erasure",
        "actor_id": None,
        "at": scope.now,
        "revoked_at": None,
    }
    scope.run(sa.insert(exclusion), [row])


def _forget_people(connection: Connection, people: Sequence[UUID]) -> None:
    """Remove what rows of feedback tell of ``people`` beside their pseudonyms. Their texts go with their keys."""
    connection.execute(sa.update(assignment).where(assignment.c.person_id.in_(people)).values(draft=None))
    leased = assignment.c.person_id.in_(people) & (assignment.c.state == "leased")
    connection.execute(sa.update(assignment).where(leased).values(state="released"))
    asked = (
        sa.select(batch.c.id)
        .where(batch.c.asker_id.in_(people))
        .union(sa.select(candidate.c.batch_id).where(candidate.c.author_id.in_(people)))
    )
    open_ = rank_task.c.batch_id.in_(asked) & (rank_task.c.status == "open")
    connection.execute(sa.update(rank_task).where(open_).values(status="void"))
    connection.execute(sa.update(batch).where(batch.c.asker_id.in_(people)).values(conversation_id=None))


def expired(connection: Connection, kind: str, before: datetime, after: UUID) -> Sequence[Expired]:
    """Return texts of a kind older than ``before``, of people who do not have them kept, by the id of their row."""
    values = {"before": before, "after": after, "portion": PORTION}
    return [Expired(*row) for row in connection.execute(_EXPIRED[kind], values)]


def remove(scope: Scope, texts: Sequence[Expired]) -> int:
    """Remove these texts, and hand out no more what asks about them. Return how many there still were."""
    connection = scope.connection
    gone = connection.execute(sa.delete(content).where(content.c.id.in_([one.text for one in texts])))
    batches = {one.batch for one in texts if one.batch is not None}
    void = rank_task.c.batch_id.in_(batches) & (rank_task.c.status == "open")
    connection.execute(sa.update(rank_task).where(void).values(status="void"))
    return gone.rowcount


def _expired(texts: Any, id_: sa.Column[Any]) -> sa.Select[Any]:
    kept = consents.standing(content.c.person_id, batch.c.workspace_id, "store")
    expired: sa.Select[Any] = (
        texts.where(
            id_ > sa.bindparam("after"),
            content.c.created_at < sa.bindparam("before"),
            content.c.person_id.is_not(None),
            sa.func.coalesce(kept, sa.false()) == sa.false(),
        )
        .order_by(id_)
        .limit(sa.bindparam("portion"))
    )
    return expired


_EXPIRED: dict[str, sa.Select[Any]] = {
    "line": _expired(
        sa.select(batch_line.c.id, content.c.id, batch_line.c.batch_id)
        .select_from(batch_line)
        .join(content, content.c.id == batch_line.c.id)
        .join(batch, batch.c.id == batch_line.c.batch_id),
        batch_line.c.id,
    ),
    "candidate": _expired(
        sa.select(candidate.c.id, content.c.id, candidate.c.batch_id)
        .select_from(candidate)
        .join(content, content.c.id == candidate.c.id)
        .join(batch, batch.c.id == candidate.c.batch_id),
        candidate.c.id,
    ),
    "comment": _expired(
        sa.select(judgment.c.comment_id, content.c.id, sa.null())
        .select_from(judgment)
        .join(content, content.c.id == judgment.c.comment_id)
        .join(batch, batch.c.id == judgment.c.batch_id),
        judgment.c.comment_id,
    ),
}
KINDS = tuple(_EXPIRED)
"""The kinds of texts that expire."""
_WHO: sa.BindParameter[Any] = sa.bindparam("who")
_OWN: dict[Any, sa.Select[Any]] = {
    "line": with_text(
        sa.select(batch_line.c.id, content.c.created_at).where(batch_line.c.author_id == _WHO),
        batch_line.c.id,
    ),
    "candidate": with_text(
        sa.select(candidate.c.id, content.c.created_at).where(candidate.c.author_id == _WHO), candidate.c.id
    ),
    "comment": with_text(
        sa.select(content.c.id, content.c.created_at)
        .select_from(judgment)
        .where(judgment.c.person_id == _WHO, judgment.c.comment_id.is_not(None)),
        judgment.c.comment_id,
    ),
}
