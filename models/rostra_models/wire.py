"""What the process of a local model and its parent say to each other: one JSON object a line.

The parent says `Load` once, then any number of `Generate` and `Cancel`; the process answers with `Ready` or
`Broken`, then with `Text` and `Refused` by number. JSON is written in ASCII, so that a line is a line and even
lone surrogates arrive as they left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from rostra.chat import FinishReason, Sampling, Utterance

Dtype: TypeAlias = Literal["auto", "int8", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Get ready.

    ``memory`` is how many bytes conversations may take beside the model, ``seats`` how many answers are made at once.
    ``repetition_penalty`` None takes the model's own; ``nice`` is added to the priority.
    """

    folder: str
    dtype: Dtype
    threads: int
    window: int
    nice: int
    memory: int
    seats: int
    repetition_penalty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """Answer; all that is said about it carries ``id``. Turns are taken between ``place`` and ``place``."""

    id: int
    messages: tuple[Utterance, ...]
    sampling: Sampling
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Nobody reads the answer any more."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The model is loaded; it took ``seconds``, and the process has ``memory`` bytes."""

    seconds: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The model cannot be loaded; the process ends. ``why`` is one line."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A piece of an answer, with the log-probabilities of its tokens. The last of each choice counts tokens."""

    id: int
    text: str
    choice: int = 0
    finish: FinishReason | None = None
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """There is no (further) answer. ``why`` is one line without a word of the conversation."""

    id: int
    why: str


Order: TypeAlias = Load | Generate | Cancel
Report: TypeAlias = Ready | Broken | Text | Refused

_ORDERS: Mapping[str, type[Order]] = {kind.__name__: kind for kind in (Load, Generate, Cancel)}
_REPORTS: Mapping[str, type[Report]] = {kind.__name__: kind for kind in (Ready, Broken, Text, Refused)}


def encode(message: Order | Report) -> bytes:
    """Return the line for ``message``."""
    return json.dumps({"is": type(message).__name__, **asdict(message)}).encode() + b"\n"


def order(line: bytes) -> Order:
    """Return what the parent said. Raises `ValueError`, `KeyError` or `TypeError` for anything else."""
    fields: dict[str, Any] = json.loads(line)
    kind = _ORDERS[fields.pop("is")]
    if kind is Generate:
        fields["messages"] = tuple(
            Utterance(role=said["role"], text=said["text"]) for said in fields["messages"]
        )
        sampling: dict[str, Any] = fields["sampling"]
        sampling["stop"] = tuple(sampling["stop"])
        sampling["tools"], sampling["more"], sampling["place"] = (), (), None  # for the parent alone
        fields["sampling"] = Sampling(**sampling)
    return kind(**fields)


def report(line: bytes) -> Report:
    """Return what the process said. Raises `ValueError`, `KeyError` or `TypeError` for anything else."""
    fields: dict[str, Any] = json.loads(line)
    if "logprobs" in fields:
        fields["logprobs"] = tuple(fields["logprobs"])
    return _REPORTS[fields.pop("is")](**fields)
