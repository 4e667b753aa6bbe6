"""What moderators say about texts: one type for rules, classifiers, judges and remote services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Literal, TypeAlias

from .places import Person, Place

Direction: TypeAlias = Literal["question", "answer"]
VerdictKind: TypeAlias = Literal["judged", "error", "timeout"]

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
    "pii",
    "prompt-injection",
    "spam",
    "custom",
)
"""Names of OpenAI's moderation taxonomy (https://platform.openai.com/docs/guides/moderation) and our own."""

NO_SCORES: Mapping[str, float] = MappingProxyType({})


class Decision(IntEnum):
    """Ordered by severity, so that ``max`` of two decisions is the stricter one."""

    ALLOW = 0
    FLAG = 1
    BLOCK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Characters ``start`` to ``end`` (exclusive) of the judged text, and what was found there."""

    start: int
    end: int
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A text to be judged, and where it stands.

    For an answer, ``text`` is all of it so far and ``question`` what was asked.
    """

    text: str
    direction: Direction
    place: Place
    author: Person
    question: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one moderator, or the policy over all of them, says about a passage.

    ``categories`` maps names of `CATEGORIES` to scores in 0…1. ``rule`` names what decided (a rule, a
    category and its threshold), never the text itself. ``policy`` is the version of the policy that turned
    scores into ``decision``; it is empty in what moderators return.
    """

    decision: Decision
    source: str
    categories: Mapping[str, float] = field(default_factory=lambda: NO_SCORES)
    spans: tuple[Span, ...] = ()
    kind: VerdictKind = "judged"
    rule: str = ""
    policy: str = ""

    @property
    def worst(self) -> str:
        """The category with the highest score, or an empty string."""
        return max(self.categories, key=self.categories.__getitem__, default="")

    @property
    def score(self) -> float:
        """The highest score of any category."""
        return max(self.categories.values(), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict of the policy on one side of an exchange."""

    direction: Direction
    verdict: Verdict
