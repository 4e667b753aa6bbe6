"""Settings in environment variables: ``ROSTRA_LIMITS__WAITING=50`` sets ``waiting`` in ``[limits]``.

``__`` goes a level deeper; names are matched without regard to case, and ``_`` stands for any of ``-._`` in the
name of a table that the file has. Lists and whole tables are written as JSON. Besides, ``ROSTRA_CONFIG`` names
the file and ``ROSTRA_MASTER_KEY`` is short for ``ROSTRA_STORAGE__MASTER_KEY``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeGuard

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from ..errors import ConfigError

PREFIX = "ROSTRA_"
_SHORT = {"ROSTRA_MASTER_KEY": ("storage", "master_key")}
_ELSEWHERE = frozenset({"ROSTRA_CONFIG"})


class Environment(PydanticBaseSettingsSource):
    """The part of the settings that the environment gives; it wins over the file.

    ``names`` says which variable gave which key. Raises `ConfigError` for a variable that sets nothing.
    """

    def __init__(
        self, settings_cls: type[BaseSettings], variables: Mapping[str, str], file: Mapping[str, Any]
    ) -> None:
        super().__init__(settings_cls)
        self.names: dict[tuple[str, ...], str] = {}
        self._values: dict[str, Any] = {}
        for name in sorted(variables):
            if name.upper().startswith(PREFIX) and name not in _ELSEWHERE:
                self._take(name, variables, file)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value for one field (a contract of pydantic-settings)."""
        del field
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._values

    def _take(self, name: str, variables: Mapping[str, str], file: Mapping[str, Any]) -> None:
        keys = _SHORT.get(name, tuple(name[len(PREFIX) :].lower().split("__")))
        if not all(keys):
            raise ConfigError(f"environment: {name} has an empty part; write {PREFIX}TABLE__KEY")
        known = list(self.settings_cls.model_fields)
        if keys[0] not in known:
            near = get_close_matches(keys[0], known, n=1)
            if len(keys) == 1 and not near:
                return  # not ours: Kubernetes sets ROSTRA_PORT and the like for a service of that name
            meant = "__".join([*near, *keys[1:]]).upper()
            hint = f"; did you mean {PREFIX}{meant}?" if near else f"; known: {', '.join(known)}"
            raise ConfigError(f"environment: {name} sets no known key{hint}")
        path = _as_in(file, keys)
        self.names[path] = name
        value: Any = _decoded(variables[name])
        for key in reversed(path):
            value = {key: value}
        self._values = merged(self._values, value)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``below`` with ``above`` over it, table by table."""
    both = dict(below)
    for key, value in above.items():
        old = both.get(key)
        both[key] = merged(old, value) if _table(old) and _table(value) else value
    return both


def _table(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _as_in(file: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Spell ``keys`` as the file does, where it has them."""
    spelt: list[str] = []
    level: Mapping[str, Any] = file
    for key in keys:
        spelt.append(next((name for name in level if re.sub(r"[-.]", "_", name.lower()) == key), key))
        below = level.get(spelt[-1])
        level = below if _table(below) else {}
    return tuple(spelt)


def _decoded(value: str) -> Any:
    if value[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except ValueError:
            return value  # a text that begins like a list
    return value
