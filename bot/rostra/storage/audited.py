"""The log of changes as operators read it: what concerns their workspace, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..places import Place
from ..stores import Audited
from .keys import Keyring
from .names import names
from .people import storable
from .schema import audit_log, workspace

LOOKED_AT = 50_000
"""Entries among which those of one workspace are looked for."""

SHARED = ("change policy",)
"""What concerns all workspaces, because policies hold in all of them."""


def audited(connection: Connection, keyring: Keyring, place: Place | None, limit: int) -> Sequence[Audited]:
    """Return the last entries about the workspace of ``place`` (None: all entries), newest first."""
    query = sa.select(audit_log).order_by(audit_log.c.seq.desc()).limit(limit)
    if place is not None:
        last = connection.scalar(sa.select(sa.func.max(audit_log.c.seq))) or 0
        space = connection.scalar(
            sa.select(workspace.c.id).where(
                workspace.c.adapter == place.adapter, workspace.c.external_id == storable(place.workspace)
            )
        )
        own = audit_log.c.detail["workspace"].as_string() == ("" if space is None else space.hex)
        query = query.where(audit_log.c.seq > last - LOOKED_AT, own | audit_log.c.action.in_(SHARED))
    rows: Sequence[Any] = connection.execute(query).all()
    who = names(connection, keyring, {row.actor_id for row in rows})
    return [
        Audited(
            number=row.seq,
            at=row.at,
            action=row.action,
            subject=row.subject,
            detail={name: value for name, value in row.detail.items() if name != "workspace"},
            by=who.get(row.actor_id, ""),
        )
        for row in rows
    ]
