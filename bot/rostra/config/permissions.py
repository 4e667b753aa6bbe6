"""Who may do what: the configuration's patterns over people, and the one question asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ..places import Permission, Person, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One pattern: people, in the workspaces that ``where`` fits.

    Written ``ADAPTER/WORKSPACE:ID`` for one person by the platform's id, ``ADAPTER/WORKSPACE:@ROLE`` for all
    who have a role, ``ADAPTER/WORKSPACE:*`` for everybody. ``ADAPTER/WORKSPACE`` may have ``*`` and ``?``; the
    workspace is empty where the platform has none (``console/:local``). ``=@ann`` is the person ``@ann``.
    """

    where: str
    who: str
    role: bool = False

    @staticmethod
    def parse(pattern: str) -> Grant:
        """Read a pattern. Raises `ValueError`."""
        where, colon, who = pattern.partition(":")
        adapter, slash, _ = where.partition("/")
        if not (adapter and slash and colon and who.strip("@= ")):
            raise ValueError(
                "is not ADAPTER/WORKSPACE:PERSON_ID or ADAPTER/WORKSPACE:@ROLE, such as 'discord/123:@moderators'"
            )
        return Grant(where=where, who=who.removeprefix("@" if who[0] == "@" else "="), role=who[0] == "@")

    def fits(self, person: Person, place: Place) -> bool:
        """Return whether ``person`` is meant, in ``place``."""
        if not fnmatchcase(f"{place.adapter}/{place.workspace}", self.where):
            return False
        return self.who in person.roles if self.role else self.who in {"*", person.id}

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            lambda value, check: value if isinstance(value, cls) else cls.parse(check(value)),
            core_schema.str_schema(),
        )


class Permissions(BaseModel):
    """``[permissions]``: lists of patterns by level. Whoever is in none of them is an asker."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    rater: tuple[Grant, ...] = ()
    operator: tuple[Grant, ...] = ()
    owner: tuple[Grant, ...] = (Grant(where="console/", who="local"),)


def permission_of(person: Person, place: Place, permissions: Permissions) -> Permission:
    """Return the highest level that ``permissions`` gives ``person`` in ``place``. Bots are always askers."""
    if person.kind == "bot":
        return Permission.ASKER
    levels = (
        (Permission.OWNER, permissions.owner),
        (Permission.OPERATOR, permissions.operator),
        (Permission.RATER, permissions.rater),
    )
    for level, grants in levels:
        if any(grant.fits(person, place) for grant in grants):
            return level
    return Permission.ASKER
