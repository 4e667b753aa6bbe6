"""Who somebody is: the roles that permissions can name, asked of Slack and remembered for a while.

``owner``, ``admin`` and ``guest`` are Slack's own; a user group is a role by its id (``S012``) and, unless that is one of
those names, by its handle. Somebody from another workspace has none here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from rostra.clock import Clock
from rostra.errors import AdapterError
from rostra.places import Person

from .web import Team, asked

log = structlog.get_logger(__name__)

PATIENCE = 1.5
"""Seconds that an event waits for the roles of its author; then it goes on without any."""
AFTER_FAILURE = 30.0
REMEMBERED = 20_000
OWN = frozenset({"owner", "primary_owner", "admin", "guest"})


class People:
    """Roles by workspace and person, and by workspace who is in which user group."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._roles: OrderedDict[tuple[str, str], tuple[float, frozenset[str]]] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Future[frozenset[str]]] = {}
        self._groups: dict[str, tuple[float, Mapping[str, frozenset[str]]]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def person(self, team: Team, user: str) -> Person:
        """Return who ``user`` is. Whose roles cannot be found out has none: that permits less, never more."""
        key = team.home.team, user
        until, roles = self._roles.get(key, (0.0, frozenset[str]()))
        if key not in self._roles or until <= self._clock.monotonic():
            roles = await self._found_out(team, key)
        return Person(id=user, roles=roles)

    async def close(self) -> None:
        """Stop asking."""
        for one in list(self._asking.values()):
            one.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _found_out(self, team: Team, key: tuple[str, str]) -> frozenset[str]:
        # One question for all that wait for the answer, and none is lost because one of them is cancelled.
        if key not in self._asking:
            asking = self._asking[key] = asyncio.ensure_future(self._ask(team, key))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        try:
            async with self._clock.timeout(PATIENCE):
                return await asyncio.shield(self._asking[key])
        except TimeoutError:
            return frozenset()

    async def _ask(self, team: Team, key: tuple[str, str]) -> frozenset[str]:
        lasting = self._seconds
        try:
            answer = await asked("users.info", team.lookup.users_info(user=key[1]))
            user: Mapping[str, Any] = answer.get("user") or {}
            roles = roles_of(user, team.home.team)
            groups = await self._groups_of(team)
            if user.get("team_id") in {None, team.home.team}:
                roles |= frozenset(name for name, members in groups.items() if key[1] in members)
        except AdapterError as error:
            log.warning("roles unknown", error=str(error))
            roles, lasting = frozenset[str](), AFTER_FAILURE
        self._roles[key] = (self._clock.monotonic() + lasting, roles)
        if len(self._roles) > REMEMBERED:
            self._roles.popitem(last=False)
        return roles

    async def _groups_of(self, team: Team) -> Mapping[str, frozenset[str]]:
        began = self._clock.monotonic()
        async with self._turns.setdefault(
            team.home.team, asyncio.Lock()
        ):  # Slack takes twenty of these a minute
            until, groups = self._groups.get(team.home.team, (0.0, dict[str, frozenset[str]]()))
            if team.home.team in self._groups and until > began:
                return groups
            return await self._ask_groups(team)

    async def _ask_groups(self, team: Team) -> Mapping[str, frozenset[str]]:
        lasting = self._seconds
        try:
            answer = await asked("usergroups.list", team.lookup.usergroups_list(include_users=True))
            groups = groups_of(answer.get("usergroups") or ())
        except AdapterError as error:  # most often the scope usergroups:read, which is not needed
            log.info("user groups unknown", error=str(error))
            groups, lasting = dict[str, frozenset[str]](), max(lasting, AFTER_FAILURE)
        self._groups[team.home.team] = (self._clock.monotonic() + lasting, groups)
        return groups


def roles_of(user: Mapping[str, Any], team: str) -> frozenset[str]:
    """Return Slack's own roles of somebody in the workspace ``team``."""
    if user.get("team_id") not in {None, team} or user.get("deleted"):
        return frozenset()
    flags = {
        "is_primary_owner": "primary_owner",
        "is_owner": "owner",
        "is_admin": "admin",
        "is_restricted": "guest",
        "is_ultra_restricted": "guest",
    }
    return frozenset(role for flag, role in flags.items() if user.get(flag) is True)


def groups_of(groups: Sequence[Mapping[str, Any]]) -> Mapping[str, frozenset[str]]:
    """Return who is in each user group, by its id and its handle."""
    found: dict[str, frozenset[str]] = {}
    for group in groups:
        members = frozenset(str(one) for one in group.get("users") or ())
        for name in (str(group.get("id") or ""), str(group.get("handle") or "")):
            if name and name not in OWN:
                found[name] = members
    return found
