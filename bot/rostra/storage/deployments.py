"""Where which model answers: added, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import parse, text_of
from ..errors import StoreError
from ..places import Person
from ..versions import Deployment
from .audit import append
from .ids import id_of
from .keys import Keyring
from .names import names
from .people import Scope, askers, storable
from .schema import deployment as table
from .versions import find_version


def add(
    scope: Scope, ids: tuple[UUID, UUID], deployment: Deployment, actor: tuple[str, Person] | None
) -> Deployment:
    """Add a deployment; ``ids`` are its own and that of its entry in the log of changes. Raises `StoreError`."""
    connection = scope.connection
    version = id_of(deployment.version, "model version")
    if find_version(connection, version) is None:
        raise StoreError(f"the version of {deployment.name!r}, {deployment.version!r}, is unknown")
    by = "" if actor is None else actor[1].id
    done = replace(deployment, id=ids[0].hex, at=scope.now, by=by)
    if connection.scalar(sa.select(table.c.id).where(table.c.id == ids[0])) is not None:
        return done  # the commit got lost on the way, and was none the less
    body = {
        "place": deployment.place,
        "run": deployment.run,
        "lineage": [dict(one) for one in deployment.lineage],
        "evidence": dict(deployment.evidence),
    }
    row = {
        "id": ids[0],
        "version_id": version,
        "name": storable(deployment.name),
        "state": deployment.state,
        "actor_id": None if actor is None else askers(scope, [actor])[actor[0], actor[1].id].id,
        "body": scope.keyring.seal(None, ids[0].bytes, text_of(body)),
        "at": scope.now,
    }
    scope.run(sa.insert(table), [row])
    # Not where: a pattern of places may name somebody, and the log is for good.
    detail = {"version": deployment.version, "state": deployment.state}
    append(scope, ids[1], actor, "deploy", f"model {storable(deployment.name)}", detail)
    return done


def deployments(connection: Connection, keyring: Keyring) -> Sequence[Deployment]:
    """Return all deployments, newest first."""
    rows = connection.execute(_ALL).all()
    who = names(connection, keyring, (row.actor_id for row in rows))
    found: list[Deployment] = []
    for row in rows:
        plain = parse(keyring.open(None, row.id.bytes, row.body))
        found.append(
            Deployment(
                id=row.id.hex,
                version=row.version_id.hex,
                name=row.name,
                state=row.state,
                place=plain["place"],
                run=plain["run"],
                lineage=tuple(plain["lineage"]),
                evidence=plain["evidence"],
                at=row.at,
                by=who.get(row.actor_id, ""),
            )
        )
    return found


_ALL = sa.select(table).order_by(table.c.id.desc())
