"""From tables of the configuration to open components, each in its own kind's way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, cast

from .command import Command, Commands
from .components import Component, Kind, Services, find
from .config import Settings, component_settings, table_of
from .errors import ConfigError
from .verdicts import Passage, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionModerator:
    """A moderator that is one function: what ``kind = "./my_moderator.py:judge"`` may point to."""

    name: str
    function: Callable[[Passage], Awaitable[Verdict]]

    async def judge(self, passage: Passage) -> Verdict:
        return replace(await self.function(passage), source=self.name)


async def open_all(
    kind: Kind, settings: Settings, services: Services, stack: AsyncExitStack
) -> Mapping[str, object]:
    """Open what the configuration names under ``kind``, in its order; ``stack`` closes it. Raises `ConfigError`."""
    tables = getattr(settings, kind)
    opened: dict[str, object] = {}
    for name, table in tables.items():
        found = find(kind, table.kind, settings.base)
        if isinstance(found, Component):
            component = cast("Component[Any, object]", found)
            options = component_settings(component, table, table_of(settings, kind, name))
            own = replace(services, name=name, data=services.data / kind / name)
            opened[name] = await stack.enter_async_context(component.open(options, own))
        elif isinstance(found, Command):
            opened[name] = found
        elif kind == "moderators" and callable(found):
            judge = cast("Callable[[Passage], Awaitable[Verdict]]", found)
            opened[name] = FunctionModerator(name=name, function=judge)
        elif kind == "stages" and callable(found):
            opened[name] = found
        else:
            raise ConfigError(
                f"{table_of(settings, kind, name)}: {table.kind!r} is a {type(found).__name__}; it must be a"
                f" rostra.components.Component"
            )
    return opened


async def open_commands(
    built_in: Sequence[str], settings: Settings, services: Services, stack: AsyncExitStack
) -> Commands:
    """Open the commands that every bot has and those that the configuration names; ``stack`` closes them.

    A component among them yields one command or several. Raises `ConfigError`.
    """
    opened: list[object] = []
    for name in built_in:
        found = find("commands", name, settings.base)
        if isinstance(found, Component):
            component = cast("Component[Any, object]", found)
            own = replace(services, name=name, data=services.data / "commands" / name)
            found = await stack.enter_async_context(component.open(component.settings(), own))
        opened.append(found)
    opened.extend((await open_all("commands", settings, services, stack)).values())
    every: list[object] = []
    for one in opened:
        every.extend(cast("Sequence[object]", one) if isinstance(one, list | tuple) else [one])
    wrong = [one for one in every if not isinstance(one, Command)]
    if wrong:
        raise ConfigError(f"{wrong[0]!r} is not a command; make one with rostra.command")
    try:
        return Commands(cast("Sequence[Command]", every))
    except ValueError as error:
        raise ConfigError(str(error)) from error
