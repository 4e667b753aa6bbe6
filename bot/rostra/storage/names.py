"""Pseudonyms back to the ids that their platforms know people by, for operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .keys import Keyring
from .schema import platform_account


def names(connection: Connection, keyring: Keyring, people: Iterable[UUID | None]) -> Mapping[UUID, str]:
    """Return the platform ids of ``people``, of those who were not erased."""
    return {person: name for person, (_, name) in accounts(connection, keyring, people).items()}


def accounts(
    connection: Connection, keyring: Keyring, people: Iterable[UUID | None]
) -> Mapping[UUID, tuple[str, str]]:
    """Return the adapters and platform ids of ``people``, of those who were not erased."""
    wanted = {person for person in people if person is not None}
    if not wanted:
        return {}
    return {
        row.person_id: (
            row.adapter,
            keyring.open(None, row.id.bytes, row.external_id_sealed).decode("utf-8", "surrogatepass"),
        )
        for row in connection.execute(_ACCOUNTS, {"people": list(wanted)})
    }


_ACCOUNTS = sa.select(
    platform_account.c.id,
    platform_account.c.person_id,
    platform_account.c.adapter,
    platform_account.c.external_id_sealed,
).where(platform_account.c.person_id.in_(sa.bindparam("people", expanding=True)))
