"""Who allowed what, what quality control took out, and thumbs: all but the exclusions a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import StoreError
from ..feedback.values import ConsentEvent, ConsentScope, Exclusion, Permit, PermitKind, Thumb
from ..places import Place
from .feedback_tables import consent_event, exclusion, permit, thumb
from .ids import id_if_any, id_of, short, text_of_id
from .keys import Keyring
from .people import Scope, storable, workspace_of
from .schema import person, workspace
from .statements import added_once

Row: TypeAlias = Any


def consent(scope: Scope, event: ConsentEvent) -> UUID:
    """Add that somebody allowed something or took it back. Return the workspace."""
    space = workspace_of(scope, event.place)
    row = {
        "id": id_of(event.id, "consent"),
        "person_id": id_of(event.person, "person"),
        "workspace_id": space,
        "scope": event.scope,
        "granted": event.granted,
        "notice_version": short(event.notice_version),
        "evidence": short(event.evidence),
        "at": event.at,
    }
    scope.run(added_once(scope.connection, consent_event), [row])
    return space


def consents(connection: Connection, who: UUID, place: Place) -> Mapping[ConsentScope, ConsentEvent]:
    """Return the last event of each scope."""
    query = _EVENTS.where(consent_event.c.person_id == who, _in_workspace(place))
    return {row.scope: _consent(row) for row in connection.execute(query)}


def all_consents(connection: Connection, who: UUID) -> Sequence[ConsentEvent]:
    """Return everything that somebody allowed or took back, oldest first."""
    return [_consent(row) for row in connection.execute(_EVENTS.where(consent_event.c.person_id == who))]


def _consent(row: Row) -> ConsentEvent:
    return ConsentEvent(
        id=row.id.hex,
        person=row.person_id.hex,
        place=Place(adapter=row.adapter, workspace=row.external_id, channel=""),
        scope=row.scope,
        granted=row.granted,
        notice_version=row.notice_version,
        evidence=row.evidence,
        at=row.at,
    )


def consenting(connection: Connection, scope: ConsentScope) -> frozenset[tuple[str, str]]:
    """Return who allows something where, without those who were erased."""
    query = (
        sa.select(consent_event.c.person_id, consent_event.c.workspace_id)
        .join(person, person.c.id == consent_event.c.person_id)
        .where(
            consent_event.c.scope == scope,
            consent_event.c.granted,
            ~_LATER_SAID,
            person.c.erased_at.is_(None),
        )
    )
    return frozenset((row.person_id.hex, row.workspace_id.hex) for row in connection.execute(query))


def allow(scope: Scope, given: Permit) -> None:
    """Add a permission, or its end."""
    id_ = id_of(given.id, "permit")
    row = {
        "id": id_,
        "kind": given.kind,
        "workspace_id": workspace_of(scope, given.place),
        "granted": given.granted,
        "evidence": scope.keyring.seal(None, id_.bytes, given.evidence.encode("utf-8", "surrogatepass")),
        "actor_id": id_if_any(given.by, "person"),
        "at": given.at,
    }
    scope.run(added_once(scope.connection, permit), [row])


def permits(connection: Connection, keyring: Keyring, place: Place) -> Mapping[PermitKind, Permit]:
    """Return the last record of each kind."""
    found = connection.execute(_PERMITS.where(_in_workspace(place)))
    return {row.kind: _permit(keyring, row) for row in found}


def _permit(keyring: Keyring, row: Row) -> Permit:
    return Permit(
        id=row.id.hex,
        kind=row.kind,
        place=Place(adapter=row.adapter, workspace=row.external_id, channel=""),
        granted=row.granted,
        evidence=keyring.open(None, row.id.bytes, row.evidence).decode("utf-8", "surrogatepass"),
        at=row.at,
        by=text_of_id(row.actor_id),
    )


def permitted(connection: Connection, kind: PermitKind) -> frozenset[str]:
    """Return the workspaces whose last record of a kind is a permission."""
    standing: dict[UUID, bool] = {
        row.workspace_id: row.granted for row in connection.execute(_PERMITS.where(permit.c.kind == kind))
    }
    return frozenset(space.hex for space, granted in standing.items() if granted)


def _in_workspace(place: Place) -> sa.ColumnElement[bool]:
    return (workspace.c.adapter == place.adapter) & (workspace.c.external_id == storable(place.workspace))


def add_thumb(scope: Scope, given: Thumb) -> bool:
    """Add a thumb unless it is there. Return whether it is new."""
    id_ = id_of(given.id, "thumb")
    event = scope.keyring.lookup("thumb", given.source_event) if given.source_event else None
    same = (thumb.c.id == id_) if event is None else (thumb.c.id == id_) | (thumb.c.event_key == event)
    if scope.connection.scalar(sa.select(thumb.c.id).where(same).limit(1)) is not None:
        return False
    row = {
        "id": id_,
        "reply_id": id_of(given.reply, "reply"),
        "person_id": id_of(given.person, "person"),
        "workspace_id": workspace_of(scope, given.place),
        "value": given.value,
        "reason": short(given.reason),
        "answerer": short(given.answerer),
        "model_version_id": id_if_any(given.model_version, "model version"),
        "event_key": event,
        "at": given.at,
    }
    scope.run(sa.insert(thumb), [row])
    return True


def thumbs(connection: Connection, since: datetime, place: Place | None) -> Sequence[Thumb]:
    """Return the last thumb of each person on each reply, without those taken back, oldest first."""
    query = _THUMBS.where(thumb.c.at >= since, ~_LATER_THUMB, thumb.c.value != 0)
    if place is not None:
        query = query.where(_in_workspace(place))
    return [_thumb(row) for row in connection.execute(query)]


def thumbs_of(connection: Connection, who: UUID) -> Sequence[Thumb]:
    """Return every thumb that somebody gave, oldest first."""
    return [_thumb(row) for row in connection.execute(_THUMBS.where(thumb.c.person_id == who))]


def _thumb(row: Row) -> Thumb:
    return Thumb(
        id=row.id.hex,
        reply=row.reply_id.hex,
        person=row.person_id.hex,
        value=row.value,
        at=row.at,
        place=Place(adapter=row.adapter, workspace=row.external_id, channel=""),
        reason=row.reason,
        answerer=row.answerer,
        model_version=text_of_id(row.model_version_id),
    )


def exclude(scope: Scope, out: Exclusion) -> None:
    """Add an exclusion unless it is there."""
    row = {
        "id": id_of(out.id, "exclusion"),
        "kind": out.kind,
        "target_id": id_of(out.target, out.kind),
        "campaign_id": id_if_any(out.campaign, "campaign"),
        "reason": short(out.reason),
        "method": short(out.method),
        "actor_id": id_if_any(out.by, "person"),
        "at": out.at,
        "revoked_at": out.revoked_at,
    }
    scope.run(added_once(scope.connection, exclusion), [row])


def readmit(scope: Scope, id_: UUID) -> None:
    """Revoke an exclusion. Raises `StoreError` if there is none."""
    found = scope.connection.execute(sa.select(exclusion.c.revoked_at).where(exclusion.c.id == id_)).first()
    if found is None:
        raise StoreError(f"there is no exclusion {id_.hex!r}")
    if found.revoked_at is None:
        change = sa.update(exclusion).where(exclusion.c.id == id_).values(revoked_at=scope.now)
        scope.connection.execute(change)


def exclusions(connection: Connection, where: sa.ColumnElement[bool] | None) -> Sequence[Exclusion]:
    """Return exclusions, oldest first."""
    query = sa.select(exclusion).order_by(exclusion.c.at, exclusion.c.id)
    rows: Sequence[Row] = connection.execute(query if where is None else query.where(where)).all()
    return [
        Exclusion(
            id=row.id.hex,
            kind=row.kind,
            target=row.target_id.hex,
            reason=row.reason,
            at=row.at,
            method=row.method,
            campaign=text_of_id(row.campaign_id),
            by=text_of_id(row.actor_id),
            revoked_at=row.revoked_at,
        )
        for row in rows
    ]


_EVENTS = (
    sa.select(consent_event, workspace.c.adapter, workspace.c.external_id)
    .join(workspace, workspace.c.id == consent_event.c.workspace_id)
    .order_by(consent_event.c.at, consent_event.c.id)
)
_SAID = consent_event.alias()
_LATER_SAID = sa.exists().where(
    _SAID.c.person_id == consent_event.c.person_id,
    _SAID.c.workspace_id == consent_event.c.workspace_id,
    _SAID.c.scope == consent_event.c.scope,
    (_SAID.c.at > consent_event.c.at)
    | ((_SAID.c.at == consent_event.c.at) & (_SAID.c.id > consent_event.c.id)),
)
_PERMITS = (
    sa.select(permit, workspace.c.adapter, workspace.c.external_id)
    .join(workspace, workspace.c.id == permit.c.workspace_id)
    .order_by(permit.c.at, permit.c.id)
)
_THUMBS = (
    sa.select(thumb, workspace.c.adapter, workspace.c.external_id)
    .join(workspace, workspace.c.id == thumb.c.workspace_id)
    .order_by(thumb.c.at, thumb.c.id)
)
_THUMB = thumb.alias()
_LATER_THUMB = sa.exists().where(
    _THUMB.c.person_id == thumb.c.person_id,
    _THUMB.c.reply_id == thumb.c.reply_id,
    (_THUMB.c.at > thumb.c.at) | ((_THUMB.c.at == thumb.c.at) & (_THUMB.c.id > thumb.c.id)),
)


def standing(owner: sa.ColumnElement[Any], space: sa.ColumnElement[Any], scope: ConsentScope) -> Any:
    """Return an expression for whether ``owner`` allows something in the workspace ``space``; NULL where they never said."""
    return cast(
        "Any",
        sa.select(consent_event.c.granted)
        .where(
            consent_event.c.person_id == owner,
            consent_event.c.workspace_id == space,
            consent_event.c.scope == scope,
        )
        .order_by(consent_event.c.at.desc(), consent_event.c.id.desc())
        .limit(1)
        .scalar_subquery(),
    )
