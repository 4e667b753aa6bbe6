"""A policy as it is for one place, role and language: every layer laid over the next wider one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from rostra.places import Person, Place
from rostra.verdicts import Direction

from .guard import Hold
from .tables import (
    DEFAULTS,
    Action,
    Layer,
    Limits,
    OnError,
    PlaceSettings,
    PolicySettings,
    Queued,
    RiskSettings,
    StrikeSettings,
    UnknownLanguage,
)

T = TypeVar("T")

_NOTHING: Mapping[str, OnError] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a category comes to: scores from which it is flagged and blocked (infinite where it never is), and what follows.

    See `rostra_moderation.tables.Limits`.
    """

    flag: float
    block: float
    action: Action = "refuse"
    template: str = ""
    hold: Hold | None = None
    judge: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """How much harm may add up; infinite where nothing follows. ``half_life`` is in seconds."""

    flag: float = 1.5
    block: float = math.inf
    half_life: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A policy as it is in one place, for people with some role, in some language.

    ``hold_grey`` is how the answer is held to a question that was flagged, where its category says nothing else (see
    `rostra_moderation.policy.Ruling.hold`); None leaves it at ``hold``. ``judge`` is the moderator who is asked about what
    is flagged and not blocked; nobody where it is empty. ``queue`` says which rulings operators find in ``/review``.
    """

    hold: Hold
    unjudgeable: OnError
    question: Mapping[str, Thresholds]
    answer: Mapping[str, Thresholds]
    hold_grey: Hold | None = None
    judge: str = ""
    unknown_language: UnknownLanguage = "classify"
    on_error: Mapping[str, OnError] = field(default_factory=lambda: _NOTHING)
    queue: frozenset[Queued] = frozenset({"review", "flag"})
    strikes: StrikeSettings = field(default_factory=StrikeSettings)
    risk: Risk = field(default_factory=Risk)

    def table(self, direction: Direction) -> Mapping[str, Thresholds]:
        """Return the thresholds for one direction."""
        return self.question if direction == "question" else self.answer


class Choice(NamedTuple):
    """Which tables of a policy hold for a passage: their keys, None where none fits."""

    language: str | None = None
    role: str | None = None
    place: str | None = None
    place_language: str | None = None
    place_role: str | None = None


def choice(settings: PolicySettings, place: Place, author: Person | None, language: str) -> Choice:
    """Return which tables of ``settings`` hold. Of several that fit, the first counts."""
    pattern = None
    own = _NO_PLACE
    if settings.places:
        key = place.key
        pattern = next((each for each in settings.places if fnmatchcase(key, each)), None)
        own = _NO_PLACE if pattern is None else settings.places[pattern]
    return Choice(
        language=_language(settings, language),
        role=_role(settings, author),
        place=pattern,
        place_language=_language(own, language),
        place_role=_role(own, author),
    )


def sheet(settings: PolicySettings, chosen: Choice) -> Sheet:
    """Return what ``settings`` come to where the tables ``chosen`` hold."""
    layers = _layers(settings, chosen)
    risk = _last(layers, "risk") or RiskSettings()
    on_error: dict[str, OnError] = {name: what for layer in layers for name, what in layer.on_error.items()}
    return Sheet(
        hold=_last(layers, "hold"),
        hold_grey=_last(layers, "hold_grey"),
        unjudgeable=_last(layers, "unjudgeable"),
        unknown_language=_last(layers, "unknown_language"),
        judge=_last(layers, "judge"),
        queue=frozenset(_last(layers, "queue")),
        on_error=MappingProxyType(on_error),
        strikes=_last(layers, "strikes"),
        risk=Risk(flag=_number(risk.flag), block=_number(risk.block), half_life=risk.half_life),
        question=_table(layers, "question"),
        answer=_table(layers, "answer"),
    )


def thresholds(table: Mapping[str, Thresholds], category: str) -> Thresholds:
    """Return the thresholds of ``category``, or else of its parent, or else of ``*``."""
    found = table.get(category)
    if found is None:
        found = table.get(category.partition("/")[0])
    return found or table["*"]


_NO_PLACE = PlaceSettings()
_Field: TypeAlias = Literal["flag", "block", "action", "template", "hold", "judge"]
_FIELDS: tuple[_Field, ...] = ("flag", "block", "action", "template", "hold", "judge")


def _language(table: PlaceSettings, language: str) -> str | None:
    if not (table.languages and language):
        return None
    base = language.replace("_", "-").partition("-")[0]
    return next((each for each in (language, base) if each in table.languages), None)


def _role(table: PlaceSettings, author: Person | None) -> str | None:
    if not table.roles or author is None:
        return None
    return next((each for each in table.roles if each in author.roles), None)


def _layers(settings: PolicySettings, chosen: Choice) -> Sequence[Layer]:
    """Return the layers that hold, from the widest to the most special."""
    own = _NO_PLACE if chosen.place is None else settings.places[chosen.place]
    layers: list[Layer] = [DEFAULTS, settings]
    if chosen.language is not None:
        layers.append(settings.languages[chosen.language])
    if chosen.role is not None:
        layers.append(settings.roles[chosen.role])
    layers.append(own)
    if chosen.place_language is not None:
        layers.append(own.languages[chosen.place_language])
    if chosen.place_role is not None:
        layers.append(own.roles[chosen.place_role])
    return layers


def _last(layers: Sequence[Layer], name: str) -> Any:
    """Return what the most special layer says that says anything."""
    return next((found for layer in reversed(layers) if (found := getattr(layer, name)) is not None), None)


def _table(layers: Sequence[Layer], side: Direction) -> Mapping[str, Thresholds]:
    """Return the thresholds of one direction: later layers go over earlier ones, each field for itself."""
    said: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for table in (layer.categories, layer.question if side == "question" else layer.answer):
            for name, limits in table.items():
                said.setdefault(name, {}).update(_given(limits))
    return MappingProxyType({name: _thresholds(said, name) for name in said})


def _given(limits: Limits) -> Iterable[tuple[str, Any]]:
    return ((field, value) for field in _FIELDS if (value := getattr(limits, field)) is not None)


def _thresholds(said: Mapping[str, Mapping[str, Any]], name: str) -> Thresholds:
    def get(field: _Field, make: Callable[[Any], T], default: T) -> T:
        for candidate in (name, name.partition("/")[0], "*"):
            value = said.get(candidate, {}).get(field)
            if value is not None:
                return make(value)
        return default

    return Thresholds(
        flag=get("flag", _number, math.inf),
        block=get("block", _number, math.inf),
        action=get("action", _same, "refuse"),
        template=get("template", str, ""),
        hold=get("hold", _same, None),
        judge=get("judge", str, ""),
    )


def _same(value: Any) -> Any:
    return value


def _number(threshold: float | Literal["never"]) -> float:
    return math.inf if threshold == "never" else float(threshold)
