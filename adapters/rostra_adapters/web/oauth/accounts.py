"""The accounts of those who sign in elsewhere: made at the first time, with the roles that the settings say each time."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from secrets import token_hex
from urllib.parse import unquote

from rostra.accounts import ACCOUNT_ROLES, Account, AccountRole, folded
from rostra.errors import StoreError
from rostra.stores import Store

from .settings import ProviderSettings
from .somebody import Somebody

LONGEST = 48
"""Characters of a name, so that there is room for a number behind it."""
TRIES = 9


async def account_of(
    store: Store, adapter: str, who: Somebody, roles: frozenset[AccountRole], *, reserved: str
) -> Account:
    """Return the account of somebody, who has these roles now; others than before sign them out elsewhere.

    ``reserved`` is a name that nobody gets. Raises `StoreError`.
    """
    found = await store.account_by(adapter, who.by)
    if found is None:
        found = await _new(store, adapter, who, roles, reserved)
    if found.roles != roles:
        found = replace(found, roles=roles)
        await store.change_account(found)
    return found


async def take_back(store: Store, adapter: str, providers: Iterable[ProviderSettings]) -> None:
    """Take from accounts the roles that no setting gives any more, which signs them out. Raises `StoreError`.

    Roles that depend on a group stay until the next sign-in, when the provider says who is in it.
    """
    ways = list(providers)
    for one in await store.accounts_of(adapter):
        if one.by and not one.roles <= (possible := _possible(ways, one.by)):
            await store.change_account(replace(one, roles=one.roles & possible))


def _possible(ways: Iterable[ProviderSettings], by: str) -> frozenset[AccountRole]:
    subject = unquote(by.rpartition(":")[2])
    return frozenset(
        role
        for role in ACCOUNT_ROLES
        for way in ways
        if way.knows(by) and any(one == subject or one.startswith("@") for one in getattr(way.roles, role))
    )


async def _new(
    store: Store, adapter: str, who: Somebody, roles: frozenset[AccountRole], reserved: str
) -> Account:
    for name in _names(who.name, reserved):
        if await store.account_named(adapter, name) is not None:
            continue
        try:
            return await store.add_account(Account(adapter=adapter, name=name, roles=roles, by=who.by))
        except StoreError:
            # They came twice at once, or somebody of that name came meanwhile.
            found = await store.account_by(adapter, who.by)
            if found is not None:
                return found
            if await store.account_named(adapter, name) is None:
                raise
    raise StoreError("every name for a new account is taken")


def _names(wanted: str, reserved: str) -> Iterator[str]:
    """Return names for somebody who is called ``wanted``, the best first."""
    normal = unicodedata.normalize("NFKC", wanted)
    plain = " ".join("".join(one if one.isprintable() else " " for one in normal).split())
    name = plain[:LONGEST].strip() or "somebody"
    if folded(name) != folded(reserved):
        yield name
    for number in range(2, TRIES):
        yield f"{name} {number}"
    yield f"{name} {token_hex(8)}"
