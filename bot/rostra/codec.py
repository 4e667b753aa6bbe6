"""Values as bytes and back: compact JSON, for the store and for backups.

Every dataclass of the core goes through one pair of functions, driven by its type hints. A field that has its
default is left out, so that a value stored by an older version, which did not have the field, reads as the
default. Values of a union (events, actions, parts of a view) carry the name of their class as ``kind``.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic_core import PydanticSerializationError, from_json, to_json

from .actions import Action, Address
from .delivery.reply import Reply
from .errors import StoreError
from .events import Event
from .turns import Step

T = TypeVar("T")
Plain: TypeAlias = Any
"""What `json` takes: a dict, list, string, number, boolean or None."""

To: TypeAlias = Callable[[Any], Plain]
From: TypeAlias = Callable[[Plain], Any]

SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Way:
    """How values of one type go there and back. None: they are plain as they are."""

    to: To | None
    back: From | None


PLAIN = Way(None, None)


def dump(value: Any, type_: Any = None) -> bytes:
    """Return ``value`` as JSON in UTF-8. ``type_`` is its type, or the union it belongs to; by default its class."""
    return text_of(to_plain(value, type_))


def load(type_: Any, data: bytes) -> Any:
    """Return the value of ``type_`` that `dump` made ``data`` from. Raises `StoreError`."""
    try:
        return from_plain(type_, parse(data))
    except (ValueError, TypeError, KeyError, AttributeError, Base64Error) as error:
        name = getattr(type_, "__name__", "value")
        # Not the error's own words: they may quote what was stored.
        raise StoreError(
            f"a stored {name} cannot be read ({type(error).__name__}); "
            "it was changed by hand or written by a newer version"
        ) from None


def to_plain(value: Any, type_: Any = None) -> Plain:
    """Return ``value`` in terms of JSON."""
    to = _way(cast("Any", type(value)) if type_ is None else type_).to
    return value if to is None else to(value)


def from_plain(type_: Any, plain: Plain) -> Any:
    """Return the value of ``type_`` that `to_plain` made ``plain`` from."""
    back = _way(type_).back
    return plain if back is None else back(plain)


def dump_event(event: Event) -> bytes:
    """Return ``event`` as JSON."""
    return dump(event, Event)


def load_event(data: bytes) -> Event:
    """Return the event in ``data``. Raises `StoreError`."""
    return cast("Event", load(Event, data))


def dump_action(action: Action) -> bytes:
    """Return ``action`` as JSON."""
    return dump(action, Action)


def load_action(data: bytes) -> Action:
    """Return the action in ``data``. Raises `StoreError`."""
    return cast("Action", load(Action, data))


def dump_address(address: Address) -> bytes:
    """Return ``address`` as JSON."""
    return dump(address)


def load_address(data: bytes) -> Address:
    """Return the address in ``data``. Raises `StoreError`."""
    return cast("Address", load(Address, data))


def dump_reply(reply: Reply) -> bytes:
    """Return ``reply`` as JSON."""
    return dump(reply)


def load_reply(data: bytes) -> Reply:
    """Return the reply in ``data``. Raises `StoreError`."""
    return cast("Reply", load(Reply, data))


def dump_steps(steps: tuple[Step, ...]) -> bytes:
    """Return ``steps`` as JSON."""
    return dump(steps, tuple[Step, ...])


def load_steps(data: bytes) -> tuple[Step, ...]:
    """Return the steps in ``data``. Raises `StoreError`."""
    return cast("tuple[Step, ...]", load(tuple[Step, ...], data))


def text_of(plain: Plain) -> bytes:
    """Return ``plain`` as compact JSON in UTF-8, characters outside of ASCII as they are."""
    try:
        return to_json(plain)
    except PydanticSerializationError:
        # A lone surrogate, which some platforms let through: slower, but it survives.
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8", "surrogatepass")


def parse(data: bytes) -> Plain:
    """Return what `text_of` made ``data`` from. Raises `ValueError`."""
    try:
        return from_json(data)
    except ValueError:
        return json.loads(data.decode("utf-8", "surrogatepass"))


@cache
def _way(type_: Any) -> Way:
    """Return how values of ``type_`` go there and back. Raises `TypeError` for a type that no value here has."""
    if is_dataclass(type_):
        return _of_dataclass(cast("type", type_))
    if isinstance(type_, type) and issubclass(type_, Enum):
        return Way(lambda member: member.value, type_)
    simple = _SIMPLE.get(type_)
    return simple if simple is not None else _of_generic(type_)


def _of_generic(type_: Any) -> Way:
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Literal:
        return PLAIN
    if origin in {Union, UnionType}:
        return _of_union(arguments)
    if origin is frozenset:
        return _of_frozenset(_way(arguments[0]))
    if origin is tuple and arguments[-1] is Ellipsis:
        return _of_sequence(_way(arguments[0]))
    if origin is tuple:
        return _of_tuple(tuple(_way(argument) for argument in arguments))
    if origin is not None and issubclass(origin, Mapping):
        return _of_mapping(_way(arguments[1]))
    raise TypeError(f"no way to store {type_!r}")


def _of_dataclass(cls: type, kind: str | None = None) -> Way:
    hints = get_type_hints(cls)
    plan = [(item.name, _default(item), _way(hints[item.name])) for item in fields(cast("Any", cls))]
    if kind is not None and "kind" in hints:
        raise TypeError(f"{cls.__name__} has a field 'kind' of its own and cannot be told apart in a union")
    required = tuple((name, way.to) for name, default, way in plan if default is MISSING)
    optional = tuple((name, default, way.to) for name, default, way in plan if default is not MISSING)
    inward = {name: way.back for name, _, way in plan} | ({} if kind is None else {"kind": None})

    def to(value: Any) -> Plain:
        plain: dict[str, Plain] = {} if kind is None else {"kind": kind}
        for name, convert in required:
            item = getattr(value, name)
            plain[name] = item if convert is None else convert(item)
        for name, default, convert in optional:
            item = getattr(value, name)
            if item is not default and item != default:
                plain[name] = item if convert is None else convert(item)
        return plain

    def back(plain: Plain) -> Any:
        given: dict[str, Any] = {}
        for name, item in plain.items():
            convert = inward[name]
            given[name] = item if convert is None else convert(item)
        if kind is not None:
            del given["kind"]
        return cls(**given)

    return Way(to, back)


def _default(item: Any) -> Any:
    if item.default is not MISSING:
        return item.default
    return MISSING if item.default_factory is MISSING else item.default_factory()


def _of_union(members: tuple[Any, ...]) -> Way:
    real = [member for member in members if member is not NoneType]
    if len(real) == 1:
        return _optional(_way(real[0]))
    if all(member in SCALARS for member in real):
        return _SIMPLE[float]
    ways = {member: _of_dataclass(member, member.__name__) for member in real}
    by_class = {member: cast("To", way.to) for member, way in ways.items()}
    by_kind = {member.__name__: cast("From", way.back) for member, way in ways.items()}

    def to(value: Any) -> Plain:
        return by_class[type(value)](value)

    def back(plain: Plain) -> Any:
        return by_kind[plain["kind"]](plain)

    if len(real) < len(members):
        return _optional(Way(to, back))
    return Way(to, back)


def _optional(way: Way) -> Way:
    to, back = way.to, way.back
    if to is None or back is None:
        return PLAIN
    return Way(lambda v: None if v is None else to(v), lambda p: None if p is None else back(p))


def _of_sequence(way: Way) -> Way:
    to, back = way.to, way.back
    if to is None or back is None:
        return Way(list, tuple)
    return Way(lambda items: [to(item) for item in items], lambda plain: tuple(back(item) for item in plain))


def _of_frozenset(way: Way) -> Way:
    if way != PLAIN:
        raise TypeError("only sets of plain values are stored")
    return Way(sorted, frozenset)


def _of_tuple(ways: tuple[Way, ...]) -> Way:
    def to(items: Any) -> Plain:
        return [item if way.to is None else way.to(item) for way, item in zip(ways, items, strict=True)]

    def back(plain: Plain) -> Any:
        return tuple(
            item if way.back is None else way.back(item) for way, item in zip(ways, plain, strict=True)
        )

    return Way(to, back)


def _of_mapping(way: Way) -> Way:
    to, back = way.to, way.back
    if to is None or back is None:
        return Way(dict, MappingProxyType)
    return Way(
        lambda mapping: {key: to(item) for key, item in mapping.items()},
        lambda plain: MappingProxyType({key: back(item) for key, item in plain.items()}),
    )


def _number_to(value: Any) -> Plain:
    # JSON has no NaN and no infinities, and PostgreSQL refuses them in a JSON column.
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def _number_back(plain: Plain) -> Any:
    return float(cast("dict[str, str]", plain)["float"]) if isinstance(plain, dict) else plain


_SIMPLE: Mapping[Any, Way] = {
    # Whoever says Any keeps to JSON.
    Any: PLAIN,
    str: PLAIN,
    int: PLAIN,
    bool: PLAIN,
    float: Way(_number_to, _number_back),
    datetime: Way(datetime.isoformat, datetime.fromisoformat),
    bytes: Way(lambda data: b64encode(data).decode(), b64decode),
}
