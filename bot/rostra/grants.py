"""Patterns over people: one person, all who have a role, or everybody, in some workspaces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from glob import escape
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from .places import Person, Place


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
        if not self.covers(place):
            return False
        return self.who in person.roles if self.role else self.who in {"*", person.id}

    def covers(self, place: Place) -> bool:
        """Return whether the workspace of ``place`` is meant."""
        return fnmatchcase(f"{place.adapter}/{place.workspace}", self.where)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            lambda value, check: value if isinstance(value, cls) else cls.parse(check(value)),
            core_schema.str_schema(),
        )

    def __str__(self) -> str:
        """Return the pattern, as it is written."""
        mark = "@" if self.role else "=" if self.who.startswith(("@", "=")) else ""
        return f"{self.where}:{mark}{self.who}"


EVERYBODY = Grant(where="*/*", who="*")


def within(place: Place, grant: Grant) -> Grant:
    """Return ``grant``, for the workspace of ``place`` alone."""
    return replace(grant, where=escape(f"{place.adapter}/{place.workspace}"))
