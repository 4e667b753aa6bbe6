"""From tables of the configuration to open components, each in its own kind's way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import BaseModel

from .command import Command, Commands
from .components import Component, Kind, Services, find
from .config import Node, Settings, Table, component_settings, in_order, table_of
from .errors import ConfigError
from .protocols import Model, Scorer
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
    opened: dict[str, object] = {}
    for name, table in _tables(settings, kind).items():
        found = find(kind, table.kind, settings.base)
        if isinstance(found, Component):
            plan = _planned(settings, kind, name)
            opened[name] = await stack.enter_async_context(plan.open(services))
        elif isinstance(found, Command):
            opened[name] = found
        elif kind == "moderators" and callable(found):
            judge = cast("Callable[[Passage], Awaitable[Verdict]]", found)
            opened[name] = FunctionModerator(name=name, function=judge)
        elif kind == "stages" and callable(found):
            opened[name] = found
        else:
            raise _no_component(settings, kind, name, found)
    return opened


async def open_models(settings: Settings, services: Services, stack: AsyncExitStack) -> Services:
    """Open the models and scorers, each after those that it names; ``stack`` closes them.

    Return ``services`` with both, in the order of the configuration. Raises `ConfigError`, also for a name that is not
    there and for models that name one another in a circle: then nothing was opened.
    """
    kinds: tuple[Kind, ...] = ("models", "scorers")
    plans: dict[Node, _Plan] = {
        (kind, name): _planned(settings, kind, name) for kind in kinds for name in _tables(settings, kind)
    }
    opened: dict[Node, object] = {}

    def lent() -> Services:
        models, scorers = (
            {name: opened[kind, name] for name in _tables(settings, kind) if (kind, name) in opened}
            for kind in kinds
        )
        return replace(
            services,
            models=cast("Mapping[str, Model]", models),
            scorers=cast("Mapping[str, Scorer]", scorers),
        )

    for node in in_order(settings, {node: plan.settings for node, plan in plans.items()}):
        opened[node] = await stack.enter_async_context(plans[node].open(lent()))
    return lent()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A component of the configuration with its settings, not open yet."""

    kind: Kind
    name: str
    component: Component[Any, object]
    settings: BaseModel

    def open(self, services: Services) -> AbstractAsyncContextManager[object]:
        own = replace(services, name=self.name, data=services.data / self.kind / self.name)
        return self.component.open(self.settings, own)


def _planned(settings: Settings, kind: Kind, name: str) -> _Plan:
    table = _tables(settings, kind)[name]
    found = find(kind, table.kind, settings.base)
    if not isinstance(found, Component):
        raise _no_component(settings, kind, name, found)
    component = cast("Component[Any, object]", found)
    own = component_settings(component, table, table_of(settings, kind, name))
    return _Plan(kind=kind, name=name, component=component, settings=own)


def _tables(settings: Settings, kind: Kind) -> Mapping[str, Table]:
    tables: Mapping[str, Table] = getattr(settings, kind)
    return tables


def _no_component(settings: Settings, kind: Kind, name: str, found: object) -> ConfigError:
    written = _tables(settings, kind)[name].kind
    what = f": {written!r} is a {type(found).__name__}; it must be a rostra.components.Component"
    return ConfigError(table_of(settings, kind, name).problem(("kind",), what))


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
