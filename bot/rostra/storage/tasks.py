"""Tasks as rows, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import StoreError
from ..feedback.values import Task
from .feedback_tables import batch, campaign, candidate, rank_task
from .ids import id_if_any, id_of, text_of_id
from .people import Scope
from .statements import added_once

Row: TypeAlias = Any


def add_tasks(scope: Scope, tasks: Sequence[Task]) -> None:
    """Add ``tasks``, those that are not there. Raises `StoreError` where they are about something that is not."""
    for table, noun, wanted in (
        (campaign, "campaign", {id_of(task.campaign, "campaign") for task in tasks}),
        (batch, "batch", {id_of(task.batch, "batch") for task in tasks}),
        (candidate, "candidate", {id_of(one, "candidate") for task in tasks for one in task.candidates}),
    ):
        there = set(scope.connection.scalars(sa.select(table.c.id).where(table.c.id.in_(wanted))))
        if wanted - there:
            raise StoreError(f"there is no {noun} {min(wanted - there).hex!r} for a task")
    scope.run(added_once(scope.connection, rank_task), [_row(task) for task in tasks])


def _row(task: Task) -> dict[str, Any]:
    return {
        "id": id_of(task.id, "task"),
        "campaign_id": id_of(task.campaign, "campaign"),
        "batch_id": id_of(task.batch, "batch"),
        "candidates": [id_of(one, "candidate").hex for one in task.candidates],
        "required": task.required,
        "delay": -task.priority,
        "propensity": task.propensity,
        "is_gold": bool(task.gold),
        "gold": [[id_of(one, "candidate").hex for one in tier] for tier in task.gold],
        "reserved_for_id": id_if_any(task.reserved_for, "person"),
        "repeat_of_id": id_if_any(task.repeat_of, "task"),
        "status": task.status,
    }


def find(connection: Connection, id_: UUID) -> Task | None:
    """Return one task."""
    row = connection.execute(sa.select(rank_task).where(rank_task.c.id == id_)).first()
    return None if row is None else _task(row)


def tasks(connection: Connection, campaign_id: UUID, after: UUID | None, limit: int) -> Sequence[Task]:
    """Return tasks of a campaign by id."""
    query = sa.select(rank_task).where(rank_task.c.campaign_id == campaign_id)
    if after is not None:
        query = query.where(rank_task.c.id > after)
    return [_task(row) for row in connection.execute(query.order_by(rank_task.c.id).limit(limit))]


def prioritise(scope: Scope, priorities: Mapping[str, tuple[float, float | None]]) -> None:
    """Set what decides when tasks are handed out, and with which probability that was."""
    rows = [
        {"key": id_of(id_, "task"), "new_delay": -priority, "new_propensity": propensity}
        for id_, (priority, propensity) in sorted(priorities.items())
    ]
    scope.run(_PRIORITISE, rows)


def void(scope: Scope, id_: UUID) -> None:
    """Hand a task out no more."""
    scope.connection.execute(sa.update(rank_task).where(rank_task.c.id == id_).values(status="void"))


def _task(row: Row) -> Task:
    return Task(
        id=row.id.hex,
        campaign=row.campaign_id.hex,
        batch=row.batch_id.hex,
        candidates=tuple(row.candidates),
        required=row.required,
        priority=-row.delay,
        propensity=row.propensity,
        gold=tuple(tuple(tier) for tier in row.gold),
        reserved_for=text_of_id(row.reserved_for_id),
        repeat_of=text_of_id(row.repeat_of_id),
        status=row.status,
    )


_PRIORITISE = (
    sa.update(rank_task)
    .where(rank_task.c.id == sa.bindparam("key"))
    .values(delay=sa.bindparam("new_delay"), propensity=sa.bindparam("new_propensity"))
)
