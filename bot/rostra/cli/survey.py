"""Everything a configuration names: found, its own settings checked, not opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..command import Command
from ..components import Component, Kind, find
from ..config import component_settings, in_order, moderation_settings, table_of
from ..errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..config import Settings, Table

TABLES: tuple[Kind, ...] = ("models", "scorers", "moderators", "commands", "adapters")
"""The kinds of components that have tables in the configuration, in the order in which they are opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A component that the configuration names; it is None where that is a plain function or a command."""

    kind: Kind
    name: str
    component: Component[Any, object] | None = None
    settings: BaseModel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found, and one line for each thing that is wrong."""

    found: Sequence[Named] = ()
    problems: Sequence[str] = ()


def survey(settings: Settings) -> Survey:
    """Look at every component that ``settings`` names. Raises nothing: problems are part of the result."""
    found: list[Named] = []
    problems: list[str] = []
    for kind, name, table in _tables(settings):
        try:
            found.append(_named(settings, kind, name, table))
        except ConfigError as error:
            problems.extend(str(error).splitlines())
    try:
        in_order(settings, {(one.kind, one.name): one.settings for one in found if one.settings is not None})
    except ConfigError as error:
        problems.extend(str(error).splitlines())
    if not settings.moderators:
        problems.append(
            "no moderator is configured, and nothing leaves unjudged; add a table [moderators.rules]"
        )
    return Survey(found=found, problems=problems)


def _tables(settings: Settings) -> Iterator[tuple[Kind, str, Table | None]]:
    for kind in TABLES:
        tables: Mapping[str, Table] = getattr(settings, kind)
        for name, table in tables.items():
            yield kind, name, table
    yield "stages", "moderation", None


def _named(settings: Settings, kind: Kind, name: str, table: Table | None) -> Named:
    where = table_of(settings, kind, name)
    try:
        component = find(kind, table.kind if table else name, settings.base)
    except ConfigError as error:
        raise ConfigError(where.problem(("kind",), f": {error}")) from error
    if isinstance(component, Component):
        checked = cast("Component[Any, object]", component)
        own = (
            component_settings(checked, table, where)
            if table is not None
            else moderation_settings(checked, settings)
        )
        return Named(kind=kind, name=name, component=checked, settings=own)
    if (kind == "commands" and isinstance(component, Command)) or (
        kind == "moderators" and callable(component)
    ):
        return Named(kind=kind, name=name)
    raise ConfigError(where.problem(("kind",), f": is a {type(component).__name__}, not a rostra.Component"))
