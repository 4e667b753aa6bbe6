"""What whoever is signed in may do: as ``[permissions]`` says, where there is a bot that knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from rostra.accounts import Account
from rostra.command import Desk
from rostra.places import Permission, Place

Level: TypeAlias = Callable[[Account], Permission]

NAMED: Mapping[str, Permission] = {
    "rater": Permission.RATER,
    "operator": Permission.OPERATOR,
    "owner": Permission.OWNER,
}


def by_role(account: Account) -> Permission:
    """Return what the roles of ``account`` are called after."""
    return max((NAMED[role] for role in account.roles), default=Permission.ASKER)


def levels(desk: Desk | None) -> Level:
    """Return what tells the level of an account on the adapter that it belongs to."""
    if desk is None:
        return by_role

    def level(account: Account) -> Permission:
        return desk.permission(account.person, home(account.adapter))

    return level


def home(adapter: str) -> Place:
    """Return a place of ``adapter`` that belongs to no conversation: what is done on its pages is done there."""
    return Place(adapter=adapter, channel="pages")
