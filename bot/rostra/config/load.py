"""Reads the configuration: a TOML file, and the environment over it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import TomlConfigSettingsSource

from ..components import Component
from ..errors import ConfigError
from .environment import Environment, merged
from .problems import Loc, Where, explained, suggestion
from .settings import Settings, Table

FILE = "rostra.toml"


def load(path: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of the file at ``path`` and of ``env`` (the process's own by default), which wins.

    Without ``path`` it is the file that ``ROSTRA_CONFIG`` names, else ``rostra.toml`` in the working directory,
    else none: then the defaults hold. Raises `ConfigError` with a line for each thing that is wrong.
    """
    env = os.environ if env is None else env
    source = _file(path, env)
    file: Mapping[str, Any] = _read(source) if source else {}
    environment = Environment(Settings, env, file)
    where = Where(source=source, environment=environment.names)
    try:
        settings = Settings(**merged(file, environment()))
    except ValidationError as error:
        problem = explained(error, Settings, where)
    else:
        wrong = [where.problem(loc, what) for loc, what in _contradictions(settings)]
        if not wrong:
            return settings.read_from(source, source.parent if source else Path.cwd(), environment.names)
        problem = ConfigError("\n".join(wrong))
    raise problem  # outside of the handler: pydantic's error holds the values, secret ones too


def component_settings(
    component: Component[Any, Any], options: Table | Mapping[str, Any], where: Where
) -> BaseModel:
    """Return the component's own settings from its table.

    Raises `ConfigError` that names file, table and key: ``where`` comes from `table_of`.
    """
    model: type[BaseModel] = component.settings
    given = options.options if isinstance(options, Table) else options
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        problem = explained(error, model, where)
    raise problem


def table_of(settings: Settings, *table: str) -> Where:
    """Return where ``[table]`` was read: ``table_of(settings, "adapters", "discord")``."""
    return Where(source=settings.source, table=table, environment=settings.environment)


def moderation_settings(component: Component[Any, Any], settings: Settings) -> BaseModel:
    """Return the settings of the moderation stage: ``[moderation]``, and ``[policies.*]`` as ``policies``.

    Raises `ConfigError`.
    """
    where = Where(
        source=settings.source,
        table=("moderation",),
        environment=settings.environment,
        roots=frozenset({"policies"}),
    )
    return component_settings(component, {**settings.moderation, "policies": settings.policies}, where)


def _file(path: Path | None, env: Mapping[str, str]) -> Path | None:
    named = path or (Path(env["ROSTRA_CONFIG"]) if env.get("ROSTRA_CONFIG") else None)
    if named is None:
        found = Path.cwd() / FILE
        return found if found.is_file() else None
    if not named.is_file():
        raise ConfigError(f"no file {str(named)!r}; `rostra init --path {named}` writes one")
    return named.absolute()


def _read(source: Path) -> Mapping[str, Any]:
    try:
        return TomlConfigSettingsSource(Settings, source)()
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not valid TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read: {error.strerror}") from error


def _contradictions(settings: Settings) -> Iterator[tuple[Loc, str]]:
    """Yield what names something that is not there."""
    for name, answerer in settings.answerers.items():
        if answerer.model not in settings.models:
            yield (
                ("answerers", name, "model"),
                _missing(answerer.model, "models", settings.models),
            )
        if answerer.persona not in settings.personas:
            yield ("answerers", name, "persona"), _missing(answerer.persona, "personas", settings.personas)
    policies = {"default", *settings.policies}
    for number, route in enumerate(settings.routes):
        if route.answerer not in settings.answerers:
            yield (
                ("routes", number, "answerer"),
                _missing(route.answerer, "answerers", settings.answerers),
            )
        if route.policy not in policies:
            yield ("routes", number, "policy"), _missing(route.policy, "policies", dict.fromkeys(policies))


def _missing(name: str, table: str, known: Mapping[str, object]) -> str:
    return f" = {name!r}: there is no [{table}.{name}]{suggestion(name, sorted(known))}"
