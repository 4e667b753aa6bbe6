"""Change one value of a policy while the bot runs: ``categories.harassment.block`` becomes 0.6, in force at once."""

from __future__ import annotations

import asyncio
import math
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from pydantic import ValidationError

from rostra.places import Person
from rostra.stores import PolicyChange, Store

from .policy import PlaceSettings, PolicySettings
from .rulebook import Rulebook, tree
from .sheets import Choice, sheet, thresholds

Path: TypeAlias = tuple[str, ...]
Tendency: TypeAlias = Literal["stricter", "looser", ""]

LONGEST = 200
"""Characters of a path and of a value; nothing in a policy needs more, and everything is shown again."""

_ORDERS: Mapping[str, Sequence[str]] = {
    "hold": ("none", "sentence", "paragraph", "full"),
    "hold_grey": ("none", "sentence", "paragraph", "full"),
    "action": ("warn", "mask", "review", "silent", "refuse"),
    "unjudgeable": ("allow", "block"),
    "unknown_language": ("rules", "classify", "judge", "refuse"),
    "on_error": ("allow", "block"),
}
"""Values from the most lenient to the strictest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    """A change that was made: what held before and what holds now, where it was changed."""

    change: PolicyChange
    path: str
    old: str
    new: str
    tendency: Tendency


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A change that would be made: ``over`` is all that operators will have changed then."""

    over: PolicySettings
    path: str
    old: str
    new: str
    tendency: Tendency


class Amendments:
    """Makes changes one after the other, each on top of the newest version in the store."""

    def __init__(self, rulebook: Rulebook, store: Store, moderators: Collection[str]) -> None:
        """``moderators``: the names that a policy may give as its judge."""
        self._rulebook = rulebook
        self._store = store
        self._moderators = moderators
        self._changing = asyncio.Lock()

    async def set(self, name: str, path: str, value: str, *, actor: Person, adapter: str) -> Amended:
        """Set what ``path`` leads to in the policy ``name``; ``default`` goes back to the configuration's.

        Raises `ValueError` with what would be right, and `StoreError`.
        """
        async with self._changing:
            plan = await self.plan(name, path, value)
            change = await self._make(name, plan.over, f"{plan.path} {plan.old} → {plan.new}", actor, adapter)
        return Amended(change=change, path=plan.path, old=plan.old, new=plan.new, tendency=plan.tendency)

    async def plan(self, name: str, path: str, value: str) -> Planned:
        """Return what `set` would change now. Raises as it does."""
        keys = parse_path(path)
        self._check_name(name)
        before = await self._newest(name)
        new = _without(before, keys) if value == "default" else _with(before, keys, parse_value(value))
        over = self._checked(name, new)
        old, fresh = (
            effective(self._rulebook.settings(name, settings), keys)
            for settings in (_validated(before), over)
        )
        return Planned(
            over=over,
            path=".".join(_quoted(key) for key in keys),
            old=shown(old),
            new=shown(fresh),
            tendency=tendency(keys, old, fresh),
        )

    async def roll_back(self, name: str, number: int, *, actor: Person, adapter: str) -> PolicyChange:
        """Have version ``number`` (0: the configuration alone) hold again, as a new version.

        Raises `ValueError` where there is none, or it no longer fits, and `StoreError`.
        """
        self._check_name(name)
        async with self._changing:
            table: Mapping[str, Any] = {}
            if number != 0:
                kept = await self._store.policy_changes(name, 10_000)
                found = next((one for one in kept if one.number == number), None)
                if found is None:
                    newest = kept[0].number if kept else 0
                    raise ValueError(
                        f"there is no version {number} of {name!r}; the newest is {newest}, and 0 is the configuration"
                    )
                table = found.table
            over = self._checked(name, table)
            return await self._make(name, over, f"back to version {number}", actor, adapter)

    async def _make(
        self, name: str, over: PolicySettings, what: str, actor: Person, adapter: str
    ) -> PolicyChange:
        change = await self._store.change_policy(name, tree(over), what=what, actor=actor, adapter=adapter)
        overs = {each: self._rulebook.over(each) for each in self._rulebook.names}
        self._rulebook.take({**overs, name: over})
        return change

    async def _newest(self, name: str) -> Mapping[str, Any]:
        found = (await self._store.policies()).get(name)
        return {} if found is None else found.table

    def _check_name(self, name: str) -> None:
        if name not in self._rulebook.names:
            raise ValueError(f"there is no policy {name!r}; there are: {', '.join(self._rulebook.names)}")

    def _checked(self, name: str, table: Mapping[str, Any]) -> PolicySettings:
        """Return ``table`` as settings that fit the configuration. Raises `ValueError`."""
        over = _validated(table)
        try:
            settings = self._rulebook.settings(name, over)
        except ValidationError as error:
            raise ValueError(problem(error)) from None
        if isinstance(settings.shadow, str) and settings.shadow not in self._rulebook.names:
            raise ValueError(
                f"there is no policy {settings.shadow!r} to decide beside {name!r}; there are:"
                f" {', '.join(self._rulebook.names)}"
            )
        unknown = sorted(judges_of(settings) - set(self._moderators))
        if unknown:
            raise ValueError(
                f"there is no moderator {unknown[0]!r}; there are: {', '.join(self._moderators) or 'none'}"
            )
        return over


def judges_of(settings: PolicySettings) -> set[str]:
    """Return the names of all moderators that a policy asks about what it flags."""
    found: set[str] = set()

    def look(table: Mapping[str, Any]) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                look(cast("Mapping[str, Any]", value))
            elif key == "judge" and value:
                found.add(str(value))

    look(tree(settings))
    return found


def parse_path(path: str) -> Path:
    """Return the keys of a path such as ``places."discord/1.2/*".hold``. Raises `ValueError`."""
    keys: list[str] = []
    rest = path
    while rest:
        if rest[0] in "\"'":
            key, quote, rest = rest[1:].partition(rest[0])
            if not quote or (rest and rest[0] != "."):
                break
            rest = rest[1:]
        else:
            key, dot, rest = rest.partition(".")
            if dot and not rest:
                break
        if not key:
            break
        keys.append(key)
    else:
        if keys and len(path) <= LONGEST:
            return tuple(keys)
    raise ValueError(f"{path[:LONGEST]!r} is no path; write one such as categories.harassment.block")


def parse_value(text: str) -> Any:
    """Return ``text`` as TOML has it; a word that is no value there is a text. Raises `ValueError`."""
    if len(text) > LONGEST:
        raise ValueError(f"a value has at most {LONGEST} characters")
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def effective(settings: PolicySettings, keys: Path) -> Any:
    """Return what holds where ``keys`` lead, be it said there or taken from a wider table; None where nothing does."""
    chosen, rest = _chosen(settings, keys)
    held = sheet(settings, chosen)
    match rest:
        case (("categories" | "question" | "answer") as side, category, field):
            table = held.answer if side == "answer" else held.question
            return getattr(thresholds(table, category), field, None)
        case ("strikes" | "risk" | "on_error" as name, field):
            group = getattr(held, name)
            return group.get(field, "block") if name == "on_error" else getattr(group, field, None)
        case ("shadow",):
            return settings.shadow
        case (name,) if name not in {"categories", "question", "answer", "places", "roles", "languages"}:
            return getattr(held, name, None)
        case _:
            return None


def tendency(keys: Path, old: Any, new: Any) -> Tendency:
    """Say whether a change from ``old`` to ``new`` makes a policy stricter or looser, where that can be said."""
    match keys:
        case (*_, "on_error", _):
            name = "on_error"
        case (*_, last):
            name = last
        case _:
            return ""
    if name in {"flag", "block"} and isinstance(old, int | float) and isinstance(new, int | float):
        stricter, looser = new < old, new > old
    elif name == "shadow":
        stricter, looser = old is True and new is not True, new is True and old is not True
    elif name in _ORDERS and old in _ORDERS[name] and new in _ORDERS[name]:
        order = _ORDERS[name]
        stricter, looser = order.index(new) > order.index(old), order.index(new) < order.index(old)
    else:
        return ""
    if stricter:
        return "stricter"
    return "looser" if looser else ""


def shown(value: Any) -> str:
    """Return a value as people read it."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, float):
        return "never" if math.isinf(value) else f"{value:g}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | frozenset):
        return ", ".join(sorted(map(str, cast("Collection[Any]", value)))) or "nothing"
    return str(value)


def _chosen(settings: PolicySettings, keys: Path) -> tuple[Choice, Path]:
    """Return which tables ``keys`` are about, as far as the policy has them, and the rest of the way."""
    place = role = language = place_role = place_language = None
    rest, table = keys, cast("PlaceSettings", settings)
    match rest:
        case ("places", pattern, _, *_):
            rest = rest[2:]
            if pattern in settings.places:
                place, table = pattern, settings.places[pattern]
        case _:
            pass
    match rest:
        case ("roles", name, _, *_):
            rest = rest[2:]
            known = name if name in table.roles else None
            role, place_role = (known, None) if place is None else (None, known)
        case ("languages", name, _, *_):
            rest = rest[2:]
            known = name if name in table.languages else None
            language, place_language = (known, None) if place is None else (None, known)
        case _:
            pass
    chosen = Choice(
        language=language, role=role, place=place, place_language=place_language, place_role=place_role
    )
    return chosen, rest


def _validated(table: Mapping[str, Any]) -> PolicySettings:
    try:
        return PolicySettings.model_validate(table)
    except ValidationError as error:
        raise ValueError(problem(error)) from None


def problem(error: ValidationError) -> str:
    """Return the first thing that is wrong with a policy, in one line: where it is, and what would be right."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Unions repeat the path with the name of each of their types at its end.
    where = ".".join(
        str(part) for part in first["loc"] if not str(part).startswith(("literal[", "float", "constrained"))
    )
    return f"{where}: {first['msg'].removeprefix('Value error, ').lower()}"


def _with(table: Mapping[str, Any], keys: Path, value: Any) -> dict[str, Any]:
    below = table.get(keys[0])
    inner: Mapping[str, Any] = cast("Mapping[str, Any]", below) if isinstance(below, dict) else {}
    return {**table, keys[0]: value if len(keys) == 1 else _with(inner, keys[1:], value)}


def _without(table: Mapping[str, Any], keys: Path) -> dict[str, Any]:
    """Return ``table`` without what ``keys`` lead to, and without tables that this leaves empty."""
    result = dict(table)
    below = result.pop(keys[0], None)
    if len(keys) > 1 and isinstance(below, dict):
        inner = _without(cast("Mapping[str, Any]", below), keys[1:])
        if inner:
            result[keys[0]] = inner
    return result


def _quoted(key: str) -> str:
    return f'"{key}"' if "." in key else key
