"""What people said, added to a log that never changes; all that comes at one time is one transaction.

On PostgreSQL, whoever adds something about an assignment holds its row and then its task's until the commit, so that revisions
are counted one after the other, and the last of those a task needs knows that it is. These locks, and those of leases, are
``FOR NO KEY UPDATE``: each row that refers to a task shares a lock on its key, and a stronger one would have to wait until
nobody else refers to it any more, while they wait for the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from uuid_utils.compat import uuid7

from ..errors import StoreError
from ..feedback.ranking import from_numbers, numbered
from ..feedback.values import AlreadyStored, Judgment, Rating, Stored, candidate_tiers
from .answers import HOLDS, check, says_the_same
from .batches import keep_text, opened, with_text
from .feedback_tables import assignment, judgment, judgment_item, rank_task, rating
from .ids import PORTION, short
from .keys import Keyring
from .people import Scope
from .statements import inserted

Row: TypeAlias = Any
Answer: TypeAlias = Stored | AlreadyStored | StoreError


@dataclass(frozen=True, slots=True)
class Rows:
    """What one batch adds."""

    judgment: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    item: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    rating: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    state: dict[UUID, str] = field(default_factory=dict[UUID, str])
    comment: list[tuple[UUID, UUID, str]] = field(default_factory=list[tuple[UUID, UUID, str]])


@dataclass(slots=True)
class Known:
    """What is there about the judgments of one batch: by id, by event, and the ids of an assignment's revisions."""

    assignments: Mapping[UUID, Row]
    by_id: dict[UUID, tuple[UUID, int]]
    by_event: dict[bytes, tuple[UUID, int]]
    revisions: dict[UUID, dict[int, UUID]]


def judge(scope: Scope, said: Sequence[Judgment]) -> list[Answer]:
    """Add what people said, each once. What cannot be added has its error in its place, and the others are added."""
    known = _known(scope, said)
    rows = Rows()
    fresh: dict[UUID, Judgment] = {}
    answers: list[Answer] = []
    for one in said:
        try:
            answers.append(_judge(scope, known, rows, fresh, one))
        except StoreError as error:
            answers.append(error)
    _write(scope, known, rows)
    return answers


def _known(scope: Scope, said: Sequence[Judgment]) -> Known:
    wanted = sorted({UUID(one.assignment) for one in said})
    found: dict[UUID, Row] = {}
    for part in _parts(wanted):
        rows = scope.connection.execute(
            _ASSIGNMENTS.with_for_update(of=assignment, key_share=True), {"ids": part}
        )
        found.update({row.id: row for row in rows})
    known = Known(found, {}, {}, {id_: {} for id_ in found})
    for part in _parts(list(found)):
        for row in scope.connection.execute(_REVISIONS, {"ids": part}):
            _note(known, row)
    events = [key for one in said if (key := _event_key(scope, one)) is not None]
    for part in _parts(sorted(events)):
        for row in scope.connection.execute(_BY_EVENT, {"events": part}):
            _note(known, row)
    for part in _parts(sorted({UUID(one.id) for one in said} - known.by_id.keys())):
        for row in scope.connection.execute(_BY_ID, {"ids": part}):
            _note(known, row)
    return known


def _note(known: Known, row: Row) -> None:
    known.by_id[row.id] = (row.id, row.revision)
    known.revisions.setdefault(row.assignment_id, {})[row.revision] = row.id
    if row.event_key is not None:
        known.by_event[row.event_key] = (row.id, row.revision)


def _judge(
    scope: Scope, known: Known, rows: Rows, fresh: dict[UUID, Judgment], one: Judgment
) -> Stored | AlreadyStored:
    id_, event = UUID(one.id), _event_key(scope, one)
    before = known.by_id.get(id_) or (known.by_event.get(event) if event is not None else None)
    if before is not None:
        return AlreadyStored(judgment=before[0].hex, revision=before[1])
    held: Row = known.assignments.get(UUID(one.assignment))
    check(one, held, held and (held.task_id.hex, held.person_id.hex, held.shown))
    revisions = known.revisions[held.id]
    revision = one.revision or max(revisions, default=0) + 1
    taken = revisions.get(revision)
    if taken is not None:
        there = fresh.get(taken) or find(scope.connection, scope.keyring, taken)
        if there is not None and says_the_same(there, one):
            return AlreadyStored(judgment=taken.hex, revision=revision)
        revision = max(revisions) + 1
    _add(scope, rows, held, replace(one, revision=revision), event)
    fresh[id_] = one
    known.by_id[id_] = (id_, revision)
    revisions[revision] = id_
    if event is not None:
        known.by_event[event] = (id_, revision)
    return Stored(judgment=id_.hex, revision=revision)


def _add(scope: Scope, rows: Rows, held: Row, one: Judgment, event: bytes | None) -> None:
    key, moment = scope.bulk.key, scope.bulk.moment
    id_, ranking = key(UUID(one.id)), one.ranking
    comment = None
    if one.comment:
        comment = uuid7()
        rows.comment.append((comment, held.person_id, one.comment))
    rows.judgment.append(
        {
            "id": id_,
            "assignment_id": key(held.id),
            "revision": one.revision,
            "task_id": key(held.task_id),
            "campaign_id": key(held.campaign_id),
            "batch_id": key(held.batch_id),
            "person_id": key(held.person_id),
            "outcome": one.outcome,
            "loose": None if ranking.loose is None else ranking.loose + 1,
            "reason": short(one.reason),
            "comment_id": comment and key(comment),
            "duration_ms": one.duration_ms,
            "surface": short(one.surface),
            "guideline_version": short(one.guideline_version),
            "event_key": event,
            "is_author": held.is_author,
            "at": moment(one.at),
            "stored_at": moment(scope.now),
        }
    )
    tiers = numbered(ranking, len(one.shown_order))
    rows.item.extend(
        {"judgment_id": id_, "slot": slot, "candidate_id": key(UUID(candidate)), "tier": tier}
        for slot, (candidate, tier) in enumerate(zip(one.shown_order, tiers, strict=True))
    )
    rows.rating.extend(
        {
            "judgment_id": id_,
            "candidate_id": key(UUID(mark.candidate)),
            "axis": short(mark.axis),
            "value": mark.value,
            "maximum": mark.maximum,
        }
        for mark in one.ratings
    )
    rows.state[held.id] = "submitted" if one.outcome in HOLDS else "skipped"


def _write(scope: Scope, known: Known, rows: Rows) -> None:
    if not rows.judgment:
        return
    for id_, owner, text in rows.comment:
        keep_text(scope, id_, owner, text)
    dialect = scope.connection.dialect.name
    scope.drive(inserted(dialect, judgment), rows.judgment)
    scope.drive(inserted(dialect, judgment_item), rows.item)
    scope.drive(inserted(dialect, rating), rows.rating)
    tasks = sorted({known.assignments[id_].task_id for id_ in rows.state})
    for part in _parts(tasks):
        scope.connection.execute(_LOCK_TASKS, {"ids": part}).all()
    scope.run(_SUBMIT, [{"key": id_, "new": state} for id_, state in sorted(rows.state.items())])
    for part in _parts(tasks):
        scope.connection.execute(_FINISH, {"ids": part})
        scope.connection.execute(_REOPEN, {"ids": part})


def _event_key(scope: Scope, one: Judgment) -> bytes | None:
    return scope.keyring.lookup("judgment", one.source_event) if one.source_event else None


def _parts(ids: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (ids[start : start + PORTION] for start in range(0, len(ids), PORTION))


def find(connection: Connection, keyring: Keyring, id_: UUID) -> Judgment | None:
    """Return one judgment."""
    return next(iter(read(connection, keyring, judgment.c.id == id_)), None)


def read(connection: Connection, keyring: Keyring, where: sa.ColumnElement[bool]) -> Sequence[Judgment]:
    """Return some judgments with everything in them, those of an assignment in their order."""
    rows = connection.execute(
        _JUDGMENTS.where(where).order_by(judgment.c.assignment_id, judgment.c.revision)
    ).all()
    items: dict[UUID, list[Row]] = {row.id: [] for row in rows}
    marks: dict[UUID, list[Rating]] = {row.id: [] for row in rows}
    for part in _parts(list(items)):
        for row in connection.execute(_ITEMS, {"ids": part}):
            items[row.judgment_id].append(row)
        for row in connection.execute(_RATINGS, {"ids": part}):
            mark = Rating(candidate=row.candidate_id.hex, axis=row.axis, value=row.value, maximum=row.maximum)
            marks[row.judgment_id].append(mark)
    return [_judgment(keyring, row, items[row.id], marks[row.id]) for row in rows]


def _judgment(keyring: Keyring, row: Row, items: Sequence[Row], marks: Sequence[Rating]) -> Judgment:
    shown = tuple(item.candidate_id.hex for item in items)
    ranking = from_numbers(row.outcome, [item.tier for item in items], row.loose)
    return Judgment(
        id=row.id.hex,
        assignment=row.assignment_id.hex,
        task=row.task_id.hex,
        person=row.person_id.hex,
        outcome=row.outcome,
        shown_order=shown,
        at=row.at,
        tiers=candidate_tiers(ranking, shown),
        loose=ranking.loose,
        revision=row.revision,
        ratings=tuple(marks),
        reason=row.reason,
        comment=(opened(keyring, CommentRow(row)) or "") if row.comment_id is not None else "",
        duration_ms=row.duration_ms,
        surface=row.surface,
        guideline_version=row.guideline_version,
    )


class CommentRow:
    """A row of a judgment as `opened` reads it: by the id of the comment."""

    def __init__(self, row: Row) -> None:
        self.id, self.owner_id, self.body, self.wrapped = row.comment_id, row.owner_id, row.body, row.wrapped


_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_ASSIGNMENTS = sa.select(assignment).where(assignment.c.id.in_(_IDS)).order_by(assignment.c.id)
_SEEN = sa.select(judgment.c.id, judgment.c.assignment_id, judgment.c.revision, judgment.c.event_key)
_REVISIONS = _SEEN.where(judgment.c.assignment_id.in_(_IDS))
_BY_ID = _SEEN.where(judgment.c.id.in_(_IDS))
_BY_EVENT = _SEEN.where(judgment.c.event_key.in_(sa.bindparam("events", expanding=True)))
_LOCK_TASKS = (
    sa.select(rank_task.c.id)
    .where(rank_task.c.id.in_(_IDS))
    .order_by(rank_task.c.id)
    .with_for_update(key_share=True)
)
_SUBMIT = (
    sa.update(assignment)
    .where(assignment.c.id == sa.bindparam("key"))
    .values(state=sa.bindparam("new"), draft=None)
)
_ANSWERED = (
    sa.select(sa.func.count())
    .select_from(assignment)
    .where(assignment.c.task_id == rank_task.c.id, assignment.c.state == "submitted")
    .scalar_subquery()
)
_FINISH = (
    sa.update(rank_task)
    .where(rank_task.c.id.in_(_IDS), rank_task.c.status == "open", rank_task.c.required <= _ANSWERED)
    .values(status="done")
)
_REOPEN = (
    sa.update(rank_task)
    .where(rank_task.c.id.in_(_IDS), rank_task.c.status == "done", rank_task.c.required > _ANSWERED)
    .values(status="open")
)
_JUDGMENTS = with_text(sa.select(judgment), judgment.c.comment_id)
_ITEMS = (
    sa.select(judgment_item)
    .where(judgment_item.c.judgment_id.in_(_IDS))
    .order_by(judgment_item.c.judgment_id, judgment_item.c.slot)
)
_RATINGS = (
    sa.select(rating)
    .where(rating.c.judgment_id.in_(_IDS))
    .order_by(rating.c.judgment_id, rating.c.candidate_id, rating.c.axis)
)
