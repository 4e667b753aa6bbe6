"""Campaigns: sealed as they are, with a column or two to find them by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import dump, load
from ..errors import StoreError
from ..feedback.values import Campaign, CampaignStatus, Progress
from ..places import Place
from .feedback_tables import assignment, campaign, guideline, rank_task
from .ids import id_of, short
from .keys import Keyring
from .people import Scope, storable, workspace_of
from .schema import workspace
from .statements import added_once, replaced


def save(scope: Scope, fresh: UUID, plan: Campaign) -> None:
    """Put ``plan`` in place of what was there. ``fresh`` is the id of its guideline, if that is new."""
    id_ = id_of(plan.id, "campaign")
    lookup = scope.keyring.lookup("campaign", plan.place.adapter, plan.place.workspace, plan.name)
    other = scope.connection.scalar(sa.select(campaign.c.id).where(campaign.c.lookup == lookup))
    if other not in {None, id_}:
        raise StoreError(f"there is a campaign {plan.name!r} already; choose another name")
    row = {
        "id": id_,
        "workspace_id": workspace_of(scope, plan.place),
        "lookup": lookup,
        "status": plan.status,
        "body": scope.keyring.seal(None, id_.bytes, dump(plan)),
        "created_at": scope.now,
    }
    columns = ("workspace_id", "lookup", "status", "body")
    scope.run(replaced(scope.connection, campaign, *columns), [row])
    if plan.guideline or plan.guideline_version:
        _save_guideline(scope, fresh, id_, plan)


def _save_guideline(scope: Scope, fresh: UUID, id_: UUID, plan: Campaign) -> None:
    before = read_guideline(scope.connection, scope.keyring, id_, plan.guideline_version)
    if before == plan.guideline:
        return
    if before is not None:
        raise StoreError(
            f"version {plan.guideline_version!r} of the guideline says something else; give this one another version"
        )
    row = {
        "id": fresh,
        "campaign_id": id_,
        "version": short(plan.guideline_version),
        "body": scope.keyring.seal(None, fresh.bytes, plan.guideline.encode("utf-8", "surrogatepass")),
        "at": scope.now,
    }
    scope.run(added_once(scope.connection, guideline), [row])


def read_guideline(connection: Connection, keyring: Keyring, id_: UUID, version: str) -> str | None:
    """Return what a guideline said under this version."""
    row = connection.execute(
        sa.select(guideline.c.id, guideline.c.body).where(
            guideline.c.campaign_id == id_, guideline.c.version == short(version)
        )
    ).first()
    return (
        None if row is None else keyring.open(None, row.id.bytes, row.body).decode("utf-8", "surrogatepass")
    )


def find(connection: Connection, keyring: Keyring, id_: UUID) -> Campaign | None:
    """Return one campaign."""
    body = connection.scalar(sa.select(campaign.c.body).where(campaign.c.id == id_))
    return None if body is None else _campaign(keyring, id_, body)


def campaigns(
    connection: Connection, keyring: Keyring, place: Place | None, status: CampaignStatus | None
) -> Sequence[Campaign]:
    """Return the campaigns of a workspace, newest first."""
    query = sa.select(campaign.c.id, campaign.c.body).order_by(
        campaign.c.created_at.desc(), campaign.c.id.desc()
    )
    if place is not None:
        query = query.join(workspace, workspace.c.id == campaign.c.workspace_id).where(
            workspace.c.adapter == place.adapter, workspace.c.external_id == storable(place.workspace)
        )
    if status is not None:
        query = query.where(campaign.c.status == status)
    return [_campaign(keyring, row.id, row.body) for row in connection.execute(query).all()]


def progress(connection: Connection, id_: UUID, now: object) -> Progress:
    """Return how far a campaign has come."""
    tasks = dict(_counts(connection, rank_task.c.status, rank_task.c.campaign_id == id_))
    mine = assignment.c.campaign_id == id_
    states = dict(_counts(connection, assignment.c.state, mine))
    leased = (assignment.c.state == "leased") & (assignment.c.lease_until > now)
    answered = assignment.c.state.in_(("submitted", "skipped"))
    return Progress(
        tasks=sum(tasks.values()),
        done=tasks.get("done", 0),
        void=tasks.get("void", 0),
        leased=connection.scalar(sa.select(sa.func.count()).select_from(assignment).where(mine, leased)) or 0,
        submitted=states.get("submitted", 0),
        skipped=states.get("skipped", 0),
        raters=connection.scalar(
            sa.select(sa.func.count(assignment.c.person_id.distinct())).where(mine, answered)
        )
        or 0,
    )


def _counts(
    connection: Connection, column: sa.Column[Any], where: sa.ColumnElement[bool]
) -> list[tuple[str, int]]:
    rows = connection.execute(sa.select(column, sa.func.count()).where(where).group_by(column)).all()
    return [(name, count) for name, count in rows]


@lru_cache(maxsize=256)  # every ballot asks for one; what is sealed anew differs
def _campaign(keyring: Keyring, id_: UUID, body: bytes) -> Campaign:
    return cast("Campaign", load(Campaign, keyring.open(None, id_.bytes, body)))
