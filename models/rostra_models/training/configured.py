"""Settings of a stage from a TOML file and from ``key=value`` on the command line, and where its run lies."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from rostra.clock import SystemClock
from rostra.errors import ConfigError

from .processes import processes, rank
from .settings import Section

S = TypeVar("S", bound=Section)


def settings(kind: type[S], file: Path | None, given: Sequence[str], *, resume: bool = False) -> S:
    """Return the settings in ``file``, those ``given`` as ``key=value`` over them. Raises `ConfigError`.

    A dot in a key leads into a table: ``loop.steps=100``. Values are TOML; what is none is text. Where no ``out`` is given,
    it is a new folder among the runs of the data folder, or with ``resume`` that of the stage's newest run.
    """
    found = _read(file) if file else {}
    for one in given:
        key, sign, value = one.partition("=")
        if not sign or not key:
            raise ConfigError(f"--set {one!r} is not KEY=VALUE")
        _put(found, key.split("."), _value(value), one)
    unplaced = "out" in kind.model_fields and "out" not in found
    checked = _checked(kind, {**found, "out": "."} if unplaced else found, file)
    if unplaced:
        return checked.model_copy(update={"out": _placed(kind, resume=resume)})
    if rank() == 0 and isinstance(out := getattr(checked, "out", None), Path):
        _remembered(out)
    return checked


def _placed(kind: type[Section], *, resume: bool) -> Path:
    from rostra.cli.running import private
    from rostra.config import load

    from .runs import RUNS, fresh, runs

    stage = kind.__name__.removesuffix("Settings").lower()
    if processes() > 1:
        raise ConfigError("several processes train one run: say where it lies with --set out=FOLDER")
    data = private(load(None).data)
    if not resume:
        return fresh(stage, data, SystemClock().now())
    newest = next((one for one in runs(data / RUNS) if one.record.stage == stage), None)
    if newest is None:
        raise ConfigError(
            f"no {stage} run to go on with in {str(data / RUNS)!r}: name one with --set out=FOLDER"
        )
    return newest.folder


def _remembered(out: Path) -> None:
    from rostra.config import load

    from .runs import remember

    try:
        remember(out, load(None).data)
    except OSError:  # it is then found by its path alone
        return


def _checked(kind: type[S], found: dict[str, Any], file: Path | None) -> S:
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
