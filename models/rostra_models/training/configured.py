"""Settings of a stage from a TOML file and from ``key=value`` on the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from rostra.errors import ConfigError

from .settings import Section

S = TypeVar("S", bound=Section)


def settings(kind: type[S], file: Path | None, given: Sequence[str]) -> S:
    """Return the settings in ``file``, those ``given`` as ``key=value`` over them. Raises `ConfigError`.

    A dot in a key leads into a table: ``loop.steps=100``. Values are TOML; what is none is text.
    """
    found = _read(file) if file else {}
    for one in given:
        key, sign, value = one.partition("=")
        if not sign or not key:
            raise ConfigError(f"--set {one!r} is not KEY=VALUE")
        _put(found, key.split("."), _value(value), one)
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        where = f"{str(file)!r}" if file else "the settings"
        told = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'all'}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"in {where}: {told}") from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no configuration {str(file)!r}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{str(file)!r} cannot be read: {error}") from error


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(found: dict[str, Any], keys: Sequence[str], value: Any, said: str) -> None:
    *tables, last = keys
    for table in tables:
        inner: object = found.setdefault(table, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {said!r}: {table!r} is no table")
        found = cast("dict[str, Any]", inner)
    found[last] = value
