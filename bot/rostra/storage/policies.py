"""Versions of what operators changed in the policies: numbered, sealed with the store's own key, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..codec import parse, text_of
from ..places import Person
from ..stores import PolicyChange
from .audit import LOCK, append
from .keys import Keyring
from .names import names
from .people import Scope, askers, storable
from .schema import policy_version


def change(
    scope: Scope,
    ids: tuple[UUID, UUID],
    policy: str,
    table: Mapping[str, Any],
    what: str,
    actor: tuple[str, Person] | None,
) -> PolicyChange:
    """Add a version; ``ids`` are its own and that of its entry in the log of changes."""
    connection = scope.connection
    if connection.dialect.name == "postgresql":  # one at a time finds the next number
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    name = storable(policy)
    again = connection.scalar(sa.select(policy_version.c.number).where(policy_version.c.id == ids[0]))
    if again is not None:  # the commit got lost on the way, and was none the less
        return PolicyChange(policy=policy, number=again, at=scope.now, what=what, table=dict(table))
    last = connection.scalar(_LAST, {"policy": name}) or 0
    body = scope.keyring.seal(None, ids[0].bytes, text_of({"what": what, "table": dict(table)}))
    row = {
        "id": ids[0],
        "policy": name,
        "number": last + 1,
        "actor_id": None if actor is None else askers(scope, [actor])[actor[0], actor[1].id].id,
        "body": body,
        "at": scope.now,
    }
    scope.run(sa.insert(policy_version), [row])
    # Not what was changed: a pattern of places may name somebody, and the log is for good.
    append(scope, ids[1], actor, "change policy", f"policy {name}", {"version": str(last + 1)})
    by = "" if actor is None else actor[1].id
    return PolicyChange(policy=policy, number=last + 1, at=scope.now, what=what, table=dict(table), by=by)


def newest(connection: Connection, keyring: Keyring) -> Mapping[str, PolicyChange]:
    """Return the newest version of each policy."""
    return {one.policy: one for one in _read(connection, keyring, connection.execute(_NEWEST).all())}


def changes(connection: Connection, keyring: Keyring, policy: str, limit: int) -> Sequence[PolicyChange]:
    """Return the last versions of ``policy``, newest first."""
    found = connection.execute(_CHANGES, {"policy": storable(policy), "limit": limit}).all()
    return _read(connection, keyring, found)


def _read(connection: Connection, keyring: Keyring, rows: Sequence[Any]) -> Sequence[PolicyChange]:
    who = names(connection, keyring, (row.actor_id for row in rows))
    read: list[PolicyChange] = []
    for row in rows:
        plain = parse(keyring.open(None, row.id.bytes, row.body))
        read.append(
            PolicyChange(
                policy=row.policy,
                number=row.number,
                at=row.at,
                what=plain["what"],
                table=plain["table"],
                by=who.get(row.actor_id, ""),
            )
        )
    return read


_LAST = sa.select(sa.func.max(policy_version.c.number)).where(
    policy_version.c.policy == sa.bindparam("policy")
)
_CHANGES = (
    sa.select(policy_version)
    .where(policy_version.c.policy == sa.bindparam("policy"))
    .order_by(policy_version.c.number.desc())
    .limit(sa.bindparam("limit"))
)
_top = (
    sa.select(policy_version.c.policy, sa.func.max(policy_version.c.number).label("number"))
    .group_by(policy_version.c.policy)
    .subquery()
)
_NEWEST = sa.select(policy_version).join(
    _top, (_top.c.policy == policy_version.c.policy) & (_top.c.number == policy_version.c.number)
)
