"""What is said to a model and what it says back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call the model asks for; ``arguments`` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One entry of a conversation as models know it."""

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to pick tokens. ``temperature`` 0 is greedy; ``seed`` None draws a fresh one.

    ``temperature`` and ``top_p`` None take what the model's makers recommend, where they say so.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens read and written."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a streamed answer. The last one has ``finish``, and ``usage`` where it is known.

    ``choice`` numbers the candidates where ``Sampling.n`` is more than 1; ``logprobs`` has one natural
    logarithm for each token in ``text``, where the backend gives them.
    """

    text: str = ""
    finish: FinishReason | None = None
    usage: Usage | None = None
    logprobs: Sequence[float] | None = None
    calls: tuple[ToolCall, ...] = ()
    choice: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """What a place is routed to, what a ballot compares, what is deployed."""

    name: str
    model: str
    persona: str = "assistant"
    prompt: str = ""
    sampling: Sampling = Sampling()
