"""What the process of a reward model and its parent say to each other: one JSON object a line, in ASCII.

The parent says `Load` once, then any number of `Score` and `Drop`; the process answers with `Ready` or `Broken`, then
with `Scores` and `Refused` by number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from rostra.chat import ToolCall, Utterance

Dtype: TypeAlias = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Get ready. ``window`` and ``batch`` are tokens, of one conversation and of all that are read at once."""

    folder: str
    dtype: Dtype
    threads: int
    window: int
    batch: int
    nice: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Score the last utterance of each conversation; what is said about it carries ``id``."""

    id: int
    conversations: tuple[tuple[Utterance, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Nobody waits for the scores any more."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The model is loaded; it took ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The model cannot be loaded; the process ends. ``why`` is one line."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One for each conversation."""

    id: int
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """There are no scores. ``why`` is one line without a word of the conversations."""

    id: int
    why: str


Order: TypeAlias = Load | Score | Drop
Report: TypeAlias = Ready | Broken | Scores | Refused

_ORDERS: Mapping[str, type[Order]] = {kind.__name__: kind for kind in (Load, Score, Drop)}
_REPORTS: Mapping[str, type[Report]] = {kind.__name__: kind for kind in (Ready, Broken, Scores, Refused)}


def encode(message: Order | Report) -> bytes:
    """Return the line for ``message``."""
    return json.dumps({"is": type(message).__name__, **asdict(message)}).encode() + b"\n"


def order(line: bytes) -> Order:
    """Return what the parent said. Raises `ValueError`, `KeyError` or `TypeError` for anything else."""
    fields: dict[str, Any] = json.loads(line)
    kind = _ORDERS[fields.pop("is")]
    if kind is Score:
        fields["conversations"] = tuple(
            tuple(_utterance(said) for said in conversation) for conversation in fields["conversations"]
        )
    return kind(**fields)


def report(line: bytes) -> Report:
    """Return what the process said. Raises `ValueError`, `KeyError` or `TypeError` for anything else."""
    fields: dict[str, Any] = json.loads(line)
    kind = _REPORTS[fields.pop("is")]
    if kind is Scores:
        fields["scores"] = tuple(float(score) for score in fields["scores"])
        if not all(map(math.isfinite, fields["scores"])):
            raise ValueError("a score is no number")
    return kind(**fields)


def _utterance(fields: dict[str, Any]) -> Utterance:
    calls = tuple(ToolCall(**call) for call in fields.pop("calls"))
    return Utterance(calls=calls, **fields)
