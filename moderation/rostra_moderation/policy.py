"""What a community puts up with: scores of moderators in, one decision out. Pure, and data all the way."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rostra.places import Place
from rostra.verdicts import CATEGORIES, Decision, Direction, Passage, Verdict, VerdictKind

from .guard import Hold

OnError: TypeAlias = Literal["block", "allow"]
Threshold: TypeAlias = Annotated[float, Field(ge=0, le=1)] | Literal["never"]


class Limits(BaseModel):
    """Scores from which a category is flagged and blocked. What is left out is taken from the next wider table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flag: Threshold | None = None
    block: Threshold | None = None


def _known(table: Mapping[str, Limits]) -> Mapping[str, Limits]:
    for name in table:
        if name not in (*CATEGORIES, "*"):
            raise ValueError(f"no category {name!r}; the categories are {', '.join(CATEGORIES)} and '*'")
    return table


LimitTable: TypeAlias = Annotated[Mapping[str, Limits], AfterValidator(_known)]


class PlaceSettings(BaseModel):
    """What differs in the places that a pattern fits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hold: Hold | None = None
    unjudgeable: OnError | None = None
    categories: LimitTable = {}
    question: LimitTable = {}
    answer: LimitTable = {}


class PolicySettings(BaseModel):
    """One policy, as the configuration has it.

    ::

        [policies.default]
        hold = "sentence"                    # none, sentence, paragraph or full
        on_error = { remote = "allow" }      # by moderator; "block" for those not named
        categories.harassment = { flag = 0.3, block = 0.8 }
        answer."self-harm" = { block = 0.5 } # only in answers; "question" for the other side
        places."discord/*" = { hold = "full", categories.spam = { block = "never" } }

    A threshold is looked up in the places' tables, then in the policy's own, then in `DEFAULTS`: in each first for the
    direction, then for both. The pattern of a place is one over `Place.key`; the first that fits counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hold: Hold = "sentence"
    unjudgeable: OnError = "block"
    on_error: Mapping[str, OnError] = {}
    categories: LimitTable = {}
    question: LimitTable = {}
    answer: LimitTable = {}
    places: Mapping[str, PlaceSettings] = {}


DEFAULTS = PolicySettings.model_validate(
    {
        "categories": {
            "*": {"flag": 0.4, "block": 0.7},
            "self-harm": {"flag": 0.3, "block": 0.6},
            "sexual/minors": {"flag": 0.1, "block": 0.3},
            "pii": {"flag": 0.5, "block": "never"},
            "spam": {"flag": 0.5, "block": 0.8},
        },
        "answer": {"prompt-injection": {"flag": 0.5, "block": "never"}},
    }
)
"""The policy under all policies. ``*`` is every category that has no line of its own, nor has its parent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Scores from which a category is flagged and blocked; infinite where it never is."""

    flag: float
    block: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A decision, and what it rests on: the ``category`` whose ``score`` reached ``threshold``, where one did.

    ``verdict`` is what the rest of the project sees of it.
    """

    verdict: Verdict
    category: str = ""
    score: float = 0.0
    threshold: float = 0.0

    @property
    def decision(self) -> Decision:
        return self.verdict.decision

    @property
    def blocks(self) -> bool:
        return self.verdict.decision is Decision.BLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A policy as it is in one place."""

    hold: Hold
    unjudgeable: OnError
    question: Mapping[str, Thresholds]
    answer: Mapping[str, Thresholds]


class Policy:
    """Flag and block thresholds by category, direction and place, and what else a community settles for itself."""

    def __init__(self, settings: PolicySettings | None = None) -> None:
        self.settings = settings or PolicySettings()
        self.version = version(self.settings)
        self._sheets: dict[str | None, Sheet] = {}
        self._fine: dict[str, Ruling] = {}

    def at(self, place: Place) -> Sheet:
        """Return the policy as it is in ``place``."""
        pattern = None
        if self.settings.places:
            key = place.key
            pattern = next((each for each in self.settings.places if fnmatchcase(key, each)), None)
        sheet = self._sheets.get(pattern)
        if sheet is None:
            sheet = self._sheets[pattern] = _sheet(self.settings, pattern)
        return sheet

    def decide(self, verdicts: Sequence[Verdict], passage: Passage) -> Verdict:
        """Return the strictest decision that the ``verdicts`` and the thresholds give together.

        A verdict without categories is taken at its word. One of kind error or timeout blocks with its kind, unless
        ``on_error`` allows its moderator to be missing; a block that was judged goes before one that was not.
        Without any verdict nothing was judged, and that blocks too.
        """
        return self.rule(verdicts, passage).verdict

    def rule(self, verdicts: Sequence[Verdict], passage: Passage) -> Ruling:
        """Do what `decide` does, and say what the decision rests on."""
        if len(verdicts) == 1 and _clean(verdicts[0]):
            return self._allowed(verdicts[0].source)
        sheet = self.at(passage.place)
        table = sheet.question if passage.direction == "question" else sheet.answer
        rulings = [ruling for verdict in verdicts for ruling in self._each(verdict, table)]
        if not verdicts:
            return unjudged("policy", "nobody was asked", policy=self.version)
        if not rulings:  # each failed, and each may
            rulings = [self._worded(verdicts[0], Decision.ALLOW, "")]
        return _joined(max(rulings, key=_weight), verdicts)

    def certain(self, verdict: Verdict, passage: Passage) -> bool:
        """Say whether ``verdict`` alone blocks: then nobody else needs to be asked."""
        if verdict.kind != "judged" or _clean(verdict):
            return False
        return self.rule((verdict,), passage).blocks

    def _allowed(self, source: str) -> Ruling:
        found = self._fine.get(source)
        if found is None:
            verdict = Verdict(decision=Decision.ALLOW, source=source, policy=self.version)
            found = self._fine[source] = Ruling(verdict=verdict)
        return found

    def _each(self, verdict: Verdict, table: Mapping[str, Thresholds]) -> Sequence[Ruling]:
        """Return what ``verdict`` comes to: one ruling a category, or one for all of it, or none."""
        if verdict.kind != "judged":
            if self.settings.on_error.get(verdict.source, "block") == "allow":
                return ()
            return (unjudged(verdict.source, verdict.rule, kind=verdict.kind, policy=self.version),)
        if not verdict.categories:
            return (self._worded(verdict, verdict.decision, verdict.rule),)
        return [
            self._measured(verdict, category, score, thresholds(table, category))
            for category, score in verdict.categories.items()
        ]

    def _measured(self, verdict: Verdict, category: str, score: float, limits: Thresholds) -> Ruling:
        if score >= limits.block:
            decision, threshold = Decision.BLOCK, limits.block
        elif score >= limits.flag:
            decision, threshold = Decision.FLAG, limits.flag
        else:
            return Ruling(verdict=self._worded(verdict, Decision.ALLOW, "").verdict, score=score)
        worded = self._worded(verdict, decision, verdict.rule or f"{category} >= {threshold:g}")
        return Ruling(verdict=worded.verdict, category=category, score=score, threshold=threshold)

    def _worded(self, verdict: Verdict, decision: Decision, rule: str) -> Ruling:
        made = Verdict(decision=decision, source=verdict.source, rule=rule, policy=self.version)
        return Ruling(verdict=made)


def unjudged(source: str, rule: str, *, kind: VerdictKind = "error", policy: str = "") -> Ruling:
    """Return the block that stands for a judgement that could not be had."""
    return Ruling(
        verdict=Verdict(decision=Decision.BLOCK, source=source, kind=kind, rule=rule, policy=policy)
    )


def thresholds(table: Mapping[str, Thresholds], category: str) -> Thresholds:
    """Return the thresholds of ``category``, or else of its parent, or else of ``*``."""
    found = table.get(category)
    if found is None:
        found = table.get(category.partition("/")[0])
    return found or table["*"]


def version(settings: PolicySettings) -> str:
    """Return a short hash that is the same for policies that say the same, `DEFAULTS` included."""
    said = [layer.model_dump(mode="json") for layer in (DEFAULTS, settings)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def _clean(verdict: Verdict) -> bool:
    return (
        verdict.decision is Decision.ALLOW
        and verdict.kind == "judged"
        and not verdict.categories
        and not verdict.rule
    )


def _weight(ruling: Ruling) -> tuple[Decision, bool, float]:
    return ruling.verdict.decision, ruling.verdict.kind == "judged", ruling.score


def _joined(ruling: Ruling, verdicts: Sequence[Verdict]) -> Ruling:
    """Return ``ruling`` with every verdict's categories and spans."""
    categories: dict[str, float] = {}
    for verdict in verdicts:
        for name, score in verdict.categories.items():
            categories[name] = max(score, categories.get(name, 0.0))
    own = ruling.verdict
    missing = ", ".join(verdict.source for verdict in verdicts if verdict.kind != "judged")
    return Ruling(
        verdict=Verdict(
            decision=own.decision,
            source=own.source,
            kind=own.kind,
            rule=own.rule or (missing and f"without {missing}"),
            policy=own.policy,
            categories=MappingProxyType(categories),
            spans=tuple(span for verdict in verdicts for span in verdict.spans),
        ),
        category=ruling.category,
        score=ruling.score,
        threshold=ruling.threshold,
    )


def _sheet(settings: PolicySettings, pattern: str | None) -> Sheet:
    place = settings.places[pattern] if pattern is not None else PlaceSettings()
    layers = (DEFAULTS, settings, place)
    return Sheet(
        hold=place.hold or settings.hold,
        unjudgeable=place.unjudgeable or settings.unjudgeable,
        question=_table(layers, "question"),
        answer=_table(layers, "answer"),
    )


def _table(layers: Sequence[PolicySettings | PlaceSettings], side: Direction) -> Mapping[str, Thresholds]:
    """Return the thresholds of one direction: later layers go over earlier ones, each number for itself."""
    flags: dict[str, float] = {}
    blocks: dict[str, float] = {}
    for layer in layers:
        for table in (layer.categories, layer.question if side == "question" else layer.answer):
            for name, limits in table.items():
                if limits.flag is not None:
                    flags[name] = _number(limits.flag)
                if limits.block is not None:
                    blocks[name] = _number(limits.block)
    names = {*flags, *blocks}
    return MappingProxyType(
        {name: Thresholds(flag=_inherited(flags, name), block=_inherited(blocks, name)) for name in names}
    )


def _inherited(numbers: Mapping[str, float], name: str) -> float:
    for candidate in (name, name.partition("/")[0]):
        if candidate in numbers:
            return numbers[candidate]
    return numbers["*"]


def _number(threshold: float | Literal["never"]) -> float:
    return math.inf if threshold == "never" else float(threshold)
