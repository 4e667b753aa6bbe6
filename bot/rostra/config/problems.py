"""Says what is wrong with a configuration: file, table, key, the bad value unless it is secret, what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ..errors import ConfigError
from .settings import Written

_SECRET = re.compile(r"token|key|secret|passw|credential|authorization|url|dsn|cookie", re.IGNORECASE)
_KINDS = {
    "model_type": "should be a table",
    "dict_type": "should be a table",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "too_short": "should not be empty",
    "string_too_short": "should not be empty",
}
_SHOWN = 80
Loc = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where settings were read: the file, the table in it, and the environment variables by full key.

    A first key in ``roots`` stands for a table of its own instead of a key of ``table``.
    """

    source: Path | None = None
    table: tuple[str, ...] = ()
    environment: Mapping[tuple[str, ...], str] = field(default_factory=dict[tuple[str, ...], str])
    roots: frozenset[str] = frozenset()

    def full(self, loc: Loc) -> Loc:
        """Return the key ``loc``, counted from the top of the configuration."""
        return loc if loc and loc[0] in self.roots else (*self.table, *loc)

    def problem(self, loc: Loc, what: str) -> str:
        """Return one line that says what is wrong at ``loc``, relative to the table."""
        full = self.full(loc)
        names = tuple(str(key) for key in full)
        ends = range(len(names), 0, -1)
        variable = next(
            (self.environment[names[:end]] for end in ends if names[:end] in self.environment), ""
        )
        if variable:
            return f"environment: {variable}{what}"
        return f"{self.source or 'configuration'}: {spelt(full)}{what}"


def spelt(loc: Loc) -> str:
    """Return the key as it stands in a TOML file: ``[limits] waiting``, ``[[routes]] number 2: place``.

    >>> spelt(("limits", "waiting")), spelt(("routes", 1, "place"))
    ('[limits] waiting', '[[routes]] number 2: place')
    """
    match loc:
        case (str(only),):
            return only
        case (str(table), int(number), *rest):
            return " ".join([f"[[{table}]] number {number + 1}:", *map(str, rest)]).removesuffix(":")
        case _:
            keys = [str(key) if isinstance(key, int) else key for key in loc]
            numbered = f"{keys[-2]}, entry {loc[-1] + 1}" if isinstance(loc[-1], int) else keys[-1]
            tables = keys[: -2 if isinstance(loc[-1], int) else -1]
            return f"[{'.'.join(tables)}] {numbered}"


def explained(error: ValidationError, model: type[BaseModel], where: Where) -> ConfigError:
    """Return ``error`` in words. It holds no value of a key that could be secret."""
    details = error.errors(include_url=False, include_context=True)
    return ConfigError("\n".join(dict.fromkeys(_line(detail, model, where) for detail in details)))


def variable_of(full: Loc) -> str:
    """Return the environment variable that sets a key: `rostra.config.environment` reads it.

    >>> variable_of(("adapters", "my-team", "bot_token"))
    'ROSTRA_ADAPTERS__MY_TEAM__BOT_TOKEN'
    """
    return "ROSTRA_" + "__".join(re.sub(r"[-.]", "_", str(key)).upper() for key in full)


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return ``; did you mean 'x'?``, or what is known if nothing is near."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def _line(detail: ErrorDetails, model: type[BaseModel], where: Where) -> str:
    loc, kind = detail["loc"], detail["type"]
    if kind == "extra_forbidden":
        return where.problem(loc, f" is not known{suggestion(str(loc[-1]), _known(model, loc[:-1]))}")
    if kind == "missing":
        full = where.full(loc)
        advice = f"; set {variable_of(full)} in the environment" if _is_sealed(model, loc) else ""
        return where.problem(loc, f" is missing{advice}")
    message = _KINDS.get(kind) or detail["msg"].removeprefix("Value error, ").replace(
        "Input should", "should"
    )
    message = message[:1].lower() + message[1:]
    if not loc and where.table:  # about the table as a whole
        return f"{where.source or 'configuration'}: [{'.'.join(where.table)}] {message}"
    value = detail["input"]
    if _secret(model, where.full(loc), loc):
        shown = str(value)
        return where.problem(loc, f": {message if shown not in message else 'is not valid'}")
    return where.problem(loc, f" = {_shortened(value)}: {message}")


def _shortened(value: object) -> str:
    if isinstance(value, Mapping | list | tuple):
        return "…"  # what lies deeper may be secret
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _secret(model: type[BaseModel], full: Loc, loc: Loc) -> bool:
    if any(_SECRET.search(str(key)) for key in full[-2:] if isinstance(key, str)):
        return True
    return _is_sealed(model, loc)


def _is_sealed(model: type[BaseModel], loc: Loc) -> bool:
    return any(kind in {SecretStr, SecretBytes} for kind in _types(_annotation(model, loc)))


def _known(model: type[BaseModel], loc: Loc) -> list[str]:
    """Return the keys of the table at ``loc``."""
    kinds = [model] if not loc else _types(_annotation(model, loc))
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [info.alias or name for kind in models for name, info in kind.model_fields.items()]


def _annotation(model: type[BaseModel], loc: Loc) -> object:
    """Return the annotation of what stands at ``loc``; None where the path cannot be followed."""
    here: object = model
    for key in loc:
        here = next(_inside(here, key), None)
    return here


def _inside(annotation: object, key: int | str) -> Iterator[object]:
    for kind in _types(annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            named = {info.alias or name: info for name, info in kind.model_fields.items()}
            if key in named:
                yield _of(named[str(key)])
        elif issubclass(get_origin(kind) or object, Mapping | list | tuple | Sequence) and get_args(kind):
            arguments = [argument for argument in get_args(kind) if argument is not ...]
            yield arguments[-1]


def _of(info: FieldInfo) -> object:
    written = [entry.table for entry in info.metadata if isinstance(entry, Written)]
    return written[0] if written else info.annotation


def _types(annotation: object) -> list[Any]:
    """Return the types that an annotation allows: members of a union, what `Annotated` is about."""
    if hasattr(annotation, "__metadata__"):
        inner, *metadata = get_args(annotation)
        written = [entry.table for entry in metadata if isinstance(entry, Written)]
        return list(written) or _types(inner)
    origin = get_origin(annotation)
    if origin is not None and not isinstance(origin, type):  # typing.Union, typing.Literal
        return [found for argument in get_args(annotation) for found in _types(argument)]
    if origin is not None and origin.__name__ == "UnionType":
        return [found for argument in get_args(annotation) for found in _types(argument)]
    return [annotation]
