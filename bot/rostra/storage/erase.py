"""Somebody's key is destroyed, and with it everything they asked and were answered, in every copy."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from . import accounts, passes, spending, summaries, talks
from .keys import Keyring
from .people import Scope
from .schema import content, person, person_key, platform_account, review_item, sanction, trace
from .schema import keyring as keyring_table


def shred(scope: Scope, adapter: str, name: str) -> bool:
    """Forget the person with the id ``name`` on the platform of ``adapter``. Return whether they were known.

    Their rows stay as a nameless shell; a backup still holds the key, so backups must expire too.
    """
    found = known_as(scope.connection, scope.keyring, adapter, name)
    if not found:
        return False
    connection = scope.connection
    # Every process that writes reads this first, and forgets the keys it knows.
    connection.execute(sa.update(keyring_table).values(generation=keyring_table.c.generation + 1))
    connection.execute(sa.delete(platform_account).where(platform_account.c.person_id.in_(found)))
    connection.execute(sa.delete(person_key).where(person_key.c.person_id.in_(found)))
    summaries.remove_with(connection, found)
    accounts.forget_people(connection, found)
    talks.forget_people(connection, found)
    passes.forget_people(connection, found)
    connection.execute(
        sa.update(content).where(content.c.person_id.in_(found)).values(body=None, erased_at=scope.now)
    )
    connection.execute(sa.delete(trace).where(trace.c.person_id.in_(found)))
    connection.execute(
        sa.update(review_item)
        .where(review_item.c.person_id.in_(found))
        .values(person_id=None, conversation_id=None)
    )
    connection.execute(sa.delete(sanction).where(sanction.c.person_id.in_(found)))
    spending.forget_person(connection, found)
    connection.execute(sa.update(person).where(person.c.id.in_(found)).values(erased_at=scope.now))
    scope.memo.clear()
    return True


def known_as(connection: Connection, keyring: Keyring, adapter: str, name: str) -> Sequence[UUID]:
    """Return the pseudonyms of the person with the id ``name`` on the platform of ``adapter``."""
    lookups = [keyring.lookup("person", adapter, name), keyring.lookup("person", "", name)]
    return connection.scalars(
        sa.select(platform_account.c.person_id).where(platform_account.c.lookup.in_(lookups))
    ).all()
