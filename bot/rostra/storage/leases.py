"""Tasks in people's hands, never in more than a task needs.

Counting and handing out are one transaction. On SQLite that has the database for itself from its first statement; on
PostgreSQL it locks the task first and counts in a statement after that, because a statement that locks and counts at once
counts as of before it waited for the lock.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import StoreError
from ..feedback.values import Assignment, AssignmentState, Campaign
from . import campaigns
from .feedback_tables import assignment, batch, campaign, judgment, rank_task
from .ids import id_of, keys_of, short
from .keys import Keyring
from .people import Scope
from .schema import person_key

Row: TypeAlias = Any

CHOICE = 32
"""Tasks that are looked at, one after the other, before the queue is looked at again."""
ROUNDS = 4
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who wants a ballot: ``id`` will be the assignment's, ``task`` is the one they want, if any."""

    id: UUID
    person: UUID
    surface: str
    task: UUID | None = None
    seed: int | None = None


def lease(scope: Scope, plan_id: UUID, wish: Wish) -> Assignment | None:
    """Hand a task of a campaign to somebody, or None. Raises `StoreError` if there is no such campaign."""
    plan = campaigns.find(scope.connection, scope.keyring, plan_id)
    if plan is None:
        raise StoreError(f"there is no campaign {plan_id.hex!r}")
    if plan.status != "open":
        return None
    held = _held(scope, plan, plan_id, wish)
    if held is not None:
        return held
    if not _room(scope, plan, plan_id, wish.person):
        return None
    queue = _WAITING if wish.task is None else _WAITING.where(rank_task.c.id == wish.task)
    for last in (*[False] * (ROUNDS - 1), True):
        waiting = scope.connection.scalars(
            queue, {"campaign": plan_id, "person": wish.person, "now": scope.now}
        ).all()
        for task in waiting:
            taken = _take(scope, plan, task, wish, patient=last)
            if taken is not None:
                return taken
        if not waiting:
            return None
    return None


def _held(scope: Scope, plan: Campaign, plan_id: UUID, wish: Wish) -> Assignment | None:
    """Return what the person has in hand, with more time, unless others have taken their place meanwhile."""
    query = _IN_HAND if wish.task is None else _IN_HAND.where(assignment.c.task_id == wish.task)
    for row in scope.connection.execute(query, {"campaign": plan_id, "person": wish.person}).all():
        task = _locked(scope, row.task_id, patient=True)
        if task is not None and (row.lease_until > scope.now or _live(scope, row.task_id) < task.required):
            until = scope.now + timedelta(seconds=plan.lease_seconds)
            _set(scope, row.id, lease_until=until)
            return _assignment(scope.keyring, row, until)
        _set(scope, row.id, state="released")
    return None


def _room(scope: Scope, plan: Campaign, plan_id: UUID, person: UUID) -> bool:
    """Whether the budget and the person's share of the day leave room for one more."""
    connection = scope.connection
    if plan.caps_per_day:
        today = (
            connection.scalar(_TODAY, {"campaign": plan_id, "person": person, "since": scope.now - DAY}) or 0
        )
        if today >= plan.caps_per_day:
            return False
    if plan.budget:
        _lock(connection, sa.select(campaign.c.id).where(campaign.c.id == plan_id))
        if (connection.scalar(_IN_HANDS, {"campaign": plan_id, "now": scope.now}) or 0) >= plan.budget:
            return False
    return True


def _take(scope: Scope, plan: Campaign, task: UUID, wish: Wish, *, patient: bool) -> Assignment | None:
    """Hand out one task, unless it has gone. ``patient``: wait for whoever is at it."""
    found = _locked(scope, task, patient=patient)
    if found is None or _live(scope, task) >= found.required:
        return None
    order = list(found.candidates)
    shuffler = random.SystemRandom() if wish.seed is None else random.Random(f"{wish.seed}/{task.hex}")  # noqa: S311  an order to show, no secret
    shuffler.shuffle(order)
    row: dict[str, Any] = {
        "id": wish.id,
        "task_id": task,
        "campaign_id": found.campaign_id,
        "batch_id": found.batch_id,
        "person_id": wish.person,
        "state": "leased",
        "lease_until": scope.now + timedelta(seconds=plan.lease_seconds),
        "shown": order,
        "surface": short(wish.surface),
        "draft": None,
        "is_author": found.asker_id == wish.person,
        "at": scope.now,
    }
    scope.run(_INSERT, [row])
    return Assignment(
        id=wish.id.hex,
        task=task.hex,
        campaign=found.campaign_id.hex,
        batch=found.batch_id.hex,
        person=wish.person.hex,
        state="leased",
        lease_until=row["lease_until"],
        shown_order=tuple(order),
        at=scope.now,
        surface=row["surface"],
        is_author=row["is_author"],
    )


def _locked(scope: Scope, task: UUID, *, patient: bool) -> Row | None:
    """Return an open task once nobody else can hand it out, None if it is not open or, unless ``patient``, somebody is at it."""
    return scope.connection.execute(_PATIENT if patient else _IMPATIENT, {"task": task}).first()


def _lock(connection: Connection, query: sa.Select[Any]) -> None:
    connection.execute(
        query.with_for_update(key_share=True)
    ).all()  # nothing on SQLite, which has one writer at a time


def _live(scope: Scope, task: UUID) -> int:
    """Return how many have answered a task, or may still; to be asked once it is locked."""
    return scope.connection.scalar(_LIVE, {"task": task, "now": scope.now}) or 0


def _set(scope: Scope, id_: UUID, **values: Any) -> None:
    scope.connection.execute(sa.update(assignment).where(assignment.c.id == id_).values(**values))


def find(connection: Connection, keyring: Keyring, id_: UUID) -> Assignment | None:
    """Return one assignment."""
    row = connection.execute(_ASSIGNMENTS.where(assignment.c.id == id_)).first()
    return None if row is None else _assignment(keyring, row)


def assignments(
    connection: Connection,
    keyring: Keyring,
    person: UUID,
    of: UUID | None,
    state: AssignmentState | None,
    limit: int,
) -> Sequence[Assignment]:
    """Return somebody's assignments, newest first."""
    query = _ASSIGNMENTS.where(assignment.c.person_id == person)
    if of is not None:
        query = query.where(assignment.c.campaign_id == of)
    if state is not None:
        query = query.where(assignment.c.state == state)
    found = connection.execute(query.order_by(assignment.c.at.desc(), assignment.c.id.desc()).limit(limit))
    return [_assignment(keyring, row) for row in found]


def save_draft(scope: Scope, id_: UUID, draft: str) -> None:
    """Keep what was chosen so far, sealed with the rater's key. Raises `StoreError` if there is no such assignment."""
    row = scope.connection.execute(_ASSIGNMENTS.where(assignment.c.id == id_)).first()
    if row is None:
        raise StoreError(f"there is no assignment {id_.hex!r}")
    keys = keys_of(scope.connection, [row.person_id])
    plan = campaigns.find(scope.connection, scope.keyring, row.campaign_id)
    if row.state != "leased" or row.person_id not in keys or plan is None:
        return
    sealed = scope.keyring.seal(keys[row.person_id], id_.bytes, draft.encode("utf-8", "surrogatepass"))
    values: dict[str, Any] = {"draft": sealed if draft else None}
    if row.lease_until > scope.now:  # once it is over, somebody else may have been given the place
        values["lease_until"] = scope.now + timedelta(seconds=plan.lease_seconds)
    _set(scope, id_, **values)


def release(scope: Scope, id_: UUID) -> None:
    """Take back what was not submitted."""
    mine = (assignment.c.id == id_) & (assignment.c.state == "leased")
    scope.connection.execute(sa.update(assignment).where(mine).values(state="released", draft=None))


def _assignment(keyring: Keyring, row: Row, until: datetime | None = None) -> Assignment:
    draft: bytes | None = row.draft if row.wrapped is not None else None
    return Assignment(
        id=row.id.hex,
        task=row.task_id.hex,
        campaign=row.campaign_id.hex,
        batch=row.batch_id.hex,
        person=row.person_id.hex,
        state=row.state,
        lease_until=until or row.lease_until,
        shown_order=tuple(row.shown),
        at=row.at,
        surface=row.surface,
        draft=keyring.open(row.wrapped, row.id.bytes, draft).decode("utf-8", "surrogatepass")
        if draft
        else "",
        is_author=row.is_author,
    )


def wanted(person: str, *, id_: UUID, surface: str, task: str, seed: int | None) -> Wish:
    """Return the wish of a person, by their pseudonym."""
    chosen = id_of(task, "task") if task else None
    return Wish(id=id_, person=id_of(person, "person"), surface=surface, task=chosen, seed=seed)


_PERSON: sa.BindParameter[Any] = sa.bindparam("person")
_CAMPAIGN: sa.BindParameter[Any] = sa.bindparam("campaign")
_NOW: sa.BindParameter[Any] = sa.bindparam("now")
_TASK: sa.BindParameter[Any] = sa.bindparam("task")
_COUNT = sa.select(sa.func.count()).select_from(assignment)
_TAKEN = (assignment.c.state == "submitted") | (
    (assignment.c.state == "leased") & (assignment.c.lease_until > _NOW)
)
_LIVE = _COUNT.where(assignment.c.task_id == _TASK, _TAKEN)
_IN_HANDS = _COUNT.where(assignment.c.campaign_id == _CAMPAIGN, _TAKEN)
_TODAY = sa.select(sa.func.count(judgment.c.assignment_id.distinct())).where(
    judgment.c.person_id == _PERSON,
    judgment.c.campaign_id == _CAMPAIGN,
    judgment.c.stored_at > sa.bindparam("since"),
)
_HAD = sa.exists().where(assignment.c.task_id == rank_task.c.id, assignment.c.person_id == _PERSON)
_WAITING = (
    sa.select(rank_task.c.id)
    .where(
        rank_task.c.campaign_id == _CAMPAIGN,
        rank_task.c.status == "open",
        rank_task.c.reserved_for_id.is_(None) | (rank_task.c.reserved_for_id == _PERSON),
        ~_HAD,
        _COUNT.where(assignment.c.task_id == rank_task.c.id, _TAKEN).scalar_subquery() < rank_task.c.required,
    )
    .order_by(rank_task.c.delay, rank_task.c.id)
    .limit(CHOICE)
)
_ASSIGNMENTS = sa.select(assignment, person_key.c.wrapped).outerjoin(
    person_key, person_key.c.person_id == assignment.c.person_id
)
_IN_HAND = _ASSIGNMENTS.where(
    assignment.c.person_id == _PERSON, assignment.c.campaign_id == _CAMPAIGN, assignment.c.state == "leased"
).order_by(assignment.c.id)
_OPEN = (
    sa.select(rank_task, batch.c.asker_id)
    .join(batch, batch.c.id == rank_task.c.batch_id)
    .where(rank_task.c.id == _TASK, rank_task.c.status == "open")
)
_PATIENT = _OPEN.with_for_update(of=rank_task, key_share=True)
_IMPATIENT = _OPEN.with_for_update(of=rank_task, key_share=True, skip_locked=True)
_INSERT = sa.insert(assignment)
