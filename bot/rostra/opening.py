"""From tables of the configuration to open components, each in its own kind's way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, cast

from .command import Command
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
