"""Who asked, and where: pseudonyms, keys and conversations, found or made in the writer's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from uuid_utils.compat import uuid7

from ..codec import dump
from ..errors import StoreError
from ..places import Person, Place
from .keys import Keyring
from .recent import Recent
from .schema import conversation, person_key, platform_account, workspace
from .statements import Bulk, Statements, bulk, statements

PEOPLE = 20_000
PLACES = 20_000
REPLIES = 20_000
NOTHING_BEFORE = UUID(int=0)
"""Every message comes after this one."""

Account: TypeAlias = tuple[str, Person]
"""Somebody on the platform of an adapter."""


class Asker(NamedTuple):
    """A person as rows know them, with their key as it is stored. Both None: nobody in particular."""

    id: UUID | None
    wrapped: bytes | None


ANYBODY = Asker(None, None)


@dataclass(slots=True)
class Memo:
    """What the writer need not ask the database again. Cleared whenever a transaction fails."""

    people: Recent[tuple[str, str], Asker] = field(default_factory=lambda: Recent(PEOPLE))
    workspaces: Recent[tuple[str, str], UUID] = field(default_factory=lambda: Recent(PLACES))
    conversations: Recent[Place, UUID] = field(default_factory=lambda: Recent(PLACES))
    replies: Recent[UUID, Any] = field(default_factory=lambda: Recent(REPLIES))

    def clear(self) -> None:
        """Forget everything."""
        for kept in (self.people, self.workspaces, self.conversations, self.replies):
            kept.clear()


@dataclass(frozen=True, slots=True)
class Scope:
    """One transaction of the writer, and what it is done with."""

    connection: Connection
    keyring: Keyring
    memo: Memo
    now: datetime

    @property
    def statements(self) -> Statements:
        """The statements for this engine."""
        return statements(self.connection.dialect.name)

    @property
    def bulk(self) -> Bulk:
        """The statements for this engine's driver."""
        return bulk(self.connection.dialect.name)

    def drive(self, statement: str, rows: Sequence[dict[str, Any]]) -> None:
        """Have the driver run ``statement`` for each of ``rows``, if there are any."""
        if rows:
            self.connection.exec_driver_sql(statement, rows)

    def run(self, statement: sa.Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run ``statement`` for each of ``rows``, if there are any."""
        if rows:
            self.connection.execute(statement, rows)

    def returned(self, statement: sa.Executable, rows: Sequence[Mapping[str, Any]]) -> set[Any]:
        """Run ``statement`` for each of ``rows`` and return what it returns."""
        return set(self.connection.execute(statement, rows).scalars()) if rows else set()


def askers(scope: Scope, accounts: Iterable[Account]) -> Mapping[tuple[str, str], Asker]:
    """Return the people behind ``accounts`` by adapter and platform id; those who are new become known."""
    found: dict[tuple[str, str], Asker] = {}
    missing: dict[bytes, Account] = {}
    for adapter, person in accounts:
        known = scope.memo.people.get((adapter, person.id))
        if known is None:
            missing[scope.keyring.lookup("person", adapter, person.id)] = (adapter, person)
        else:
            found[adapter, person.id] = known
    if not missing:
        return found
    stored = _stored_askers(scope, missing)
    new = {lookup: missing[lookup] for lookup in sorted(missing) if lookup not in stored}
    if new:
        _make_people(scope, new)
        stored |= _stored_askers(scope, new)
    for lookup, (adapter, person) in missing.items():
        found[adapter, person.id] = stored[lookup]
        scope.memo.people.put((adapter, person.id), stored[lookup])
    return found


def _stored_askers(scope: Scope, lookups: Iterable[bytes]) -> dict[bytes, Asker]:
    found = scope.connection.execute(_ASKERS, {"lookups": list(lookups)})
    return {row.lookup: Asker(row.person_id, row.wrapped) for row in found}


def _make_people(scope: Scope, new: Mapping[bytes, Account]) -> None:
    ids = {lookup: uuid7() for lookup in new}
    scope.run(
        scope.statements.people,
        [
            {"id": ids[lookup], "kind": person.kind, "created_at": scope.now}
            for lookup, (_, person) in new.items()
        ],
    )
    made = scope.returned(
        scope.statements.accounts,
        [
            {
                "id": ids[lookup],
                "person_id": ids[lookup],
                "adapter": adapter,
                "lookup": lookup,
                "external_id_sealed": scope.keyring.seal(None, ids[lookup].bytes, _bytes(person.id)),
            }
            for lookup, (adapter, person) in new.items()
        ],
    )
    # Another process may have met the same person a moment ago: then theirs stands, and ours stays nameless.
    scope.run(
        scope.statements.person_keys,
        [{"person_id": id_, "wrapped": scope.keyring.new_key(id_)} for id_ in ids.values() if id_ in made],
    )


def conversations(scope: Scope, places: Iterable[Place]) -> Mapping[Place, UUID]:
    """Return the conversations in ``places``; those that are new are begun."""
    found: dict[Place, UUID] = {}
    missing: dict[bytes, Place] = {}
    for place in places:
        known = scope.memo.conversations.get(place)
        if known is None:
            missing[lookup_of(scope.keyring, place)] = place
        else:
            found[place] = known
    if not missing:
        return found
    stored = _stored_conversations(scope, missing)
    new = {lookup: missing[lookup] for lookup in sorted(missing) if lookup not in stored}
    if new:
        _make_conversations(scope, new)
        stored |= _stored_conversations(scope, new)
    for lookup, place in missing.items():
        found[place] = stored[lookup]
        scope.memo.conversations.put(place, stored[lookup])
    return found


def lookup_of(keyring: Keyring, place: Place) -> bytes:
    """Return what the conversation in ``place`` is found by."""
    thread = () if place.thread is None else (place.thread,)
    return keyring.lookup("place", place.adapter, place.workspace, place.channel, *thread)


def _stored_conversations(scope: Scope, lookups: Iterable[bytes]) -> dict[bytes, UUID]:
    found = scope.connection.execute(_CONVERSATIONS, {"lookups": list(lookups)})
    return {row.lookup: row.id for row in found}


def _make_conversations(scope: Scope, new: Mapping[bytes, Place]) -> None:
    spaces = _workspaces(scope, {_workspace_of(place) for place in new.values()})
    rows: list[dict[str, Any]] = []
    for lookup, place in new.items():
        id_ = uuid7()
        rows.append(
            {
                "id": id_,
                "workspace_id": spaces[_workspace_of(place)],
                "lookup": lookup,
                "place_sealed": scope.keyring.seal(None, id_.bytes, dump(place)),
                "fresh_after": NOTHING_BEFORE,
                "created_at": scope.now,
            }
        )
    scope.returned(scope.statements.conversations, rows)


def workspace_of(scope: Scope, place: Place) -> UUID:
    """Return the pseudonym of the workspace of ``place``; a new one becomes known."""
    return _workspaces(scope, {_workspace_of(place)})[_workspace_of(place)]


def _workspace_of(place: Place) -> tuple[str, str]:
    return place.adapter, storable(place.workspace)


def _workspaces(scope: Scope, wanted: set[tuple[str, str]]) -> Mapping[tuple[str, str], UUID]:
    scope.returned(
        scope.statements.workspaces,
        [
            {"id": uuid7(), "adapter": adapter, "external_id": name, "created_at": scope.now}
            for adapter, name in sorted(wanted)
            if scope.memo.workspaces.get((adapter, name)) is None
        ],
    )
    for adapter, name in wanted:
        if scope.memo.workspaces.get((adapter, name)) is None:
            id_ = scope.connection.scalar(_WORKSPACE, {"adapter": adapter, "external_id": name})
            if id_ is None:
                raise StoreError("a workspace that was stored is gone")
            scope.memo.workspaces.put((adapter, name), id_)
    return {key: id_ for key in wanted if (id_ := scope.memo.workspaces.get(key)) is not None}


def storable(text: str) -> str:
    """Return ``text`` as every engine can hold it: without NUL and lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_ASKERS = (
    sa.select(platform_account.c.lookup, platform_account.c.person_id, person_key.c.wrapped)
    .join(person_key, person_key.c.person_id == platform_account.c.person_id)
    .where(platform_account.c.lookup.in_(sa.bindparam("lookups", expanding=True)))
)
_CONVERSATIONS = sa.select(conversation.c.lookup, conversation.c.id).where(
    conversation.c.lookup.in_(sa.bindparam("lookups", expanding=True))
)
_WORKSPACE = sa.select(workspace.c.id).where(
    workspace.c.adapter == sa.bindparam("adapter"), workspace.c.external_id == sa.bindparam("external_id")
)
