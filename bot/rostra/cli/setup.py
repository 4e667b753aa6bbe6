"""What an administrator does before an adapter can run: on the platform, in the configuration, in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from ..components import Component, Services, find, unimportable
from ..config import Settings, load, variable_of
from ..errors import ConfigError

PLACEHOLDER = "xoxb-0-placeholder"
"""Stands for a secret while we find out which ones are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """``platform`` is what to enter there, ``table`` what belongs into the configuration, ``variables`` the secrets."""

    name: str
    platform: str
    table: str
    variables: Sequence[str]
    configured: bool


def setup(adapter: str, config: Path | None) -> Setup:
    """Return how to set up ``adapter``: the name of a table of the configuration, or of an installed adapter.

    Raises `ConfigError` where there is no such adapter, or none that has anything to set up.
    """
    settings = _settings(adapter, config)
    found = next((name for name, table in settings.adapters.items() if adapter in {name, table.kind}), None)
    table = settings.adapters[found] if found else None
    name, kind = found or adapter, table.kind if table else adapter
    component = find("adapters", kind, settings.base)
    if not isinstance(component, Component):
        raise ConfigError(f"adapter {kind!r} is a {type(component).__name__}, not a rostra.Component")
    known = cast("Component[Any, object]", component)
    if known.setup is None:
        raise ConfigError(f"adapter {kind!r} needs nothing to be set up; `rostra serve` runs it")
    options = dict(table.options) if table else {}
    services = Services(name=name, data=settings.data / "adapters" / name, base=settings.base)
    try:
        platform = known.setup(incomplete(known.settings, options), services)
    except ImportError as error:
        raise unimportable("adapters", kind, error) from error
    return Setup(
        name=name,
        platform=platform,
        table=f'[adapters.{name}]\nkind = "{kind}"\n',
        variables=[variable_of(("adapters", name, secret)) for secret in needed(known.settings, options)],
        configured=found is not None and ("adapters", name, "kind") not in settings.environment,
    )


def incomplete(model: type[BaseModel], options: Mapping[str, object]) -> BaseModel:
    """Return settings of which some may be missing yet: then without validation, see `rostra.components.Component`."""
    try:
        return model.model_validate(options)
    except ValidationError:
        values: dict[str, object] = {}
        for name, field in model.model_fields.items():
            if name in options:
                given = options[name]
                values[name] = SecretStr(given) if _secret(field) and isinstance(given, str) else given
            elif field.is_required():
                values[name] = SecretStr("") if _secret(field) else None
        return model.model_construct(**cast("dict[str, Any]", values))


def needed(model: type[BaseModel], options: Mapping[str, object]) -> Sequence[str]:
    """Return the fewest secrets that make the settings complete; all there are, where none of ours would be taken."""
    secrets = [name for name, field in model.model_fields.items() if _secret(field)]
    for number in range(len(secrets) + 1):
        for names in combinations(secrets, number):
            try:
                model.model_validate({**options, **dict.fromkeys(names, PLACEHOLDER)})
            except ValidationError:
                continue
            return [name for name in secrets if name in names or name in options]
    return secrets


def add_table(file: Path, added: Setup) -> None:
    """Write the table of an adapter into a configuration that is there. Raises `ConfigError`."""
    try:
        text = file.read_text(encoding="utf-8")
        file.write_text(f"{text.rstrip()}\n\n{added.table}", encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{str(file)!r} cannot be changed: {error}") from error


def _settings(adapter: str, config: Path | None) -> Settings:
    """Return the configuration. Tokens in the environment may be there before the table that they belong to."""
    try:
        return load(config)
    except ConfigError:
        kind = variable_of(("adapters", adapter, "kind"))
        if kind in os.environ:
            raise
        try:
            return load(config, {**os.environ, kind: adapter})
        except ConfigError:
            pass
        raise


def _secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)
