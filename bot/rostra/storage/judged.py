"""Judgments as statistics and datasets read them: a portion at a time, in the order of their ids, whatever their number.

Rows come from the driver as they are: with SQLAlchemy's types a million judgments took three times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..feedback.judged import Judged
from .driven import hexer, moment_of
from .feedback_tables import batch, candidate, dataset_member, exclusion, judgment, judgment_item, rank_task
from .schema import workspace
from .statements import bulk, compiled

PORTION = 2000
"""Judgments in memory at a time."""

Row: TypeAlias = Any
Hex: TypeAlias = Callable[[Any], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which judgments; see `rostra.feedback.stores.Judgments.judged`."""

    campaign: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    dataset: UUID | None = None
    excluded: bool = False
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Excluded:
    """What is excluded, by kind; people everywhere or in one campaign. Ids as the driver gives them, in hexadecimal."""

    judgments: frozenset[str]
    people: frozenset[tuple[str, str]]
    candidates: frozenset[str]
    batches: frozenset[str]
    tasks: frozenset[str]

    def holds(self, one: Judged) -> bool:
        """Whether ``one`` is excluded."""
        return (
            one.judgment in self.judgments
            or bool(self.people & {(one.rater, ""), (one.rater, one.campaign)})
            or one.batch in self.batches
            or one.task in self.tasks
            or (bool(self.candidates) and not self.candidates.isdisjoint(one.candidates))
        )


def excluded(connection: Connection) -> Excluded:
    """Return what is excluded now."""
    found: dict[str, set[str]] = {}
    people: set[tuple[str, str]] = set()
    for row in connection.execute(sa.select(exclusion).where(exclusion.c.revoked_at.is_(None))):
        if row.kind == "person":
            people.add((row.target_id.hex, row.campaign_id.hex if row.campaign_id else ""))
        else:
            found.setdefault(row.kind, set()).add(row.target_id.hex)
    return Excluded(
        judgments=frozenset(found.get("judgment", ())),
        people=frozenset(people),
        candidates=frozenset(found.get("candidate", ())),
        batches=frozenset(found.get("batch", ())),
        tasks=frozenset(found.get("task", ())),
    )


def portion(
    connection: Connection, wanted: Wanted, after: UUID | None
) -> tuple[Sequence[Judged], UUID | None]:
    """Return the next judgments behind the id ``after``, and the id to go on from; None: there are no more."""
    dialect = connection.dialect.name
    driver = bulk(dialect)
    values: dict[str, Any] = {"limit": PORTION}
    if after is not None:
        values["after"] = driver.key(after)
    for name in ("campaign", "dataset"):
        if getattr(wanted, name) is not None:
            values[name] = driver.key(getattr(wanted, name))
    for name in ("since", "until"):
        if getattr(wanted, name) is not None:
            values[name] = driver.moment(getattr(wanted, name))
    rows = connection.exec_driver_sql(_judgments(dialect, wanted, after), values).all()
    if not rows:
        return [], None
    values |= {"first": rows[0][0], "last": rows[-1][0]}
    items = connection.exec_driver_sql(
        _items(dialect, wanted), _used(values, "first", "last", "dataset", "campaign")
    ).all()
    out = excluded(connection) if wanted.dataset is None else None
    found = list(_joined(rows, items, out, hexer(dialect)))
    if out is not None and not wanted.excluded:
        found = [one for one in found if not one.excluded]
    last = rows[-1][0]
    return found, (last if isinstance(last, UUID) else UUID(bytes=last)) if len(rows) == PORTION else None


def _used(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _joined(rows: Sequence[Row], items: Iterable[Row], out: Excluded | None, hex_: Hex) -> Iterable[Judged]:
    """Yield judgments, with their items, both by id; items of what is not among ``rows`` are passed over."""
    by_judgment = groupby(items, key=itemgetter(0))
    for row in rows:
        of: Sequence[Row] = ()
        for id_, group in by_judgment:
            if id_ == row[0]:
                of = tuple(group)
                break
        one = _judged(row, of, hex_)
        yield replace(one, excluded=True) if out is not None and out.holds(one) else one


def _judged(row: Row, items: Sequence[Row], hex_: Hex) -> Judged:
    _, candidates, answerers, tiers, lengths = zip(*items, strict=True) if items else ((),) * 5
    return Judged(
        judgment=hex_(row[0]),
        task=hex_(row[1]),
        prompt=bytes(row[2]).hex(),
        rater=hex_(row[3]),
        campaign=hex_(row[4]),
        outcome=row[5],
        candidates=tuple(map(hex_, candidates)),
        answerers=answerers,
        tiers=tiers,
        lengths=lengths,
        duration_ms=row[6],
        surface=row[7],
        propensity=row[8],
        gold=bool(row[9]),
        at=moment_of(row[10]),
        excluded=False,
        loose=row[11],
        batch=hex_(row[12]),
        adapter=row[13],
        workspace=hex_(row[14]),
        revision=row[15],
        is_author=bool(row[16]),
    )


def _judgments(dialect: str, wanted: Wanted, after: UUID | None) -> str:
    query, id_ = _ROWS, judgment.c.id
    if wanted.dataset is not None:
        # In the order of its key, or each portion would be sorted out of all members.
        id_ = dataset_member.c.judgment_id
        query = query.join(dataset_member, id_ == judgment.c.id).where(
            dataset_member.c.dataset_id == sa.bindparam("dataset")
        )
    elif not wanted.superseded:
        query = query.where(~_NEWER)
    for name, condition in _CONDITIONS.items():
        if getattr(wanted, name) is not None:
            query = query.where(condition)
    if after is not None:
        query = query.where(id_ > sa.bindparam("after"))
    return compiled(dialect, query.order_by(id_))


def _items(dialect: str, wanted: Wanted) -> str:
    query = _ITEMS
    if wanted.dataset is not None:
        member = (dataset_member.c.judgment_id == judgment_item.c.judgment_id) & (
            dataset_member.c.dataset_id == sa.bindparam("dataset")
        )
        query = query.join(dataset_member, member)
    if wanted.campaign is not None:
        mine = (judgment.c.id == judgment_item.c.judgment_id) & (
            judgment.c.campaign_id == sa.bindparam("campaign")
        )
        query = query.join(judgment, mine)
    return compiled(dialect, query)


_LATER = judgment.alias()
_NEWER = sa.exists().where(
    _LATER.c.assignment_id == judgment.c.assignment_id, _LATER.c.revision > judgment.c.revision
)
_CONDITIONS: Mapping[str, sa.ColumnElement[bool]] = {
    "campaign": judgment.c.campaign_id == sa.bindparam("campaign"),
    "since": judgment.c.stored_at >= sa.bindparam("since"),
    "until": judgment.c.stored_at < sa.bindparam("until"),
}
_ROWS = (
    sa.select(
        judgment.c.id,
        judgment.c.task_id,
        batch.c.prompt,
        judgment.c.person_id,
        judgment.c.campaign_id,
        judgment.c.outcome,
        judgment.c.duration_ms,
        judgment.c.surface,
        rank_task.c.propensity,
        rank_task.c.is_gold,
        judgment.c.at,
        judgment.c.loose,
        judgment.c.batch_id,
        workspace.c.adapter,
        workspace.c.id,
        judgment.c.revision,
        judgment.c.is_author,
    )
    .select_from(judgment)
    .join(rank_task, rank_task.c.id == judgment.c.task_id)
    .join(batch, batch.c.id == judgment.c.batch_id)
    .join(workspace, workspace.c.id == batch.c.workspace_id)
    .limit(sa.bindparam("limit"))
    .offset(sa.literal_column("0"))
)
_ITEMS = (
    sa.select(
        judgment_item.c.judgment_id,
        judgment_item.c.candidate_id,
        candidate.c.answerer,
        judgment_item.c.tier,
        candidate.c.characters,
    )
    .select_from(judgment_item)
    .join(candidate, candidate.c.id == judgment_item.c.candidate_id)
    .where(judgment_item.c.judgment_id.between(sa.bindparam("first"), sa.bindparam("last")))
    .order_by(judgment_item.c.judgment_id, judgment_item.c.slot)
)
