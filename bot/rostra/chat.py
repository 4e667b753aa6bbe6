"""What is said to a model and what it says back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .places import Place

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call the model asks for; ``arguments`` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Something a model may call; ``parameters`` is the text of a JSON schema of an object."""

    name: str
    description: str = ""
    parameters: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One entry of a conversation as models know it.

    An assistant may have made ``calls``; a tool answers the call whose id is ``call``.
    """

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to pick tokens, and what else goes with one question.

    ``temperature`` 0 is greedy; ``seed`` None draws a fresh one. ``temperature`` and ``top_p`` None take what the model's
    makers recommend, where they say so. ``tools`` are what the model may call, where it can. ``more`` is what else a
    request asks of a server, by name, as JSON: what the model says that it takes (`rostra.protocols.Obliging`). ``place``
    is where the answer goes: queues are fair between places and routers choose by it; no model and no server is told.
    ``whole``: nobody sees anything of the answer before its end, so that a model may give it in one piece where that is
    cheaper. It is no promise: a model may pass it over.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    tools: tuple[Tool, ...] = ()
    more: tuple[tuple[str, str], ...] = ()
    place: Place | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens read and written.

    ``cached`` of the prompt's did not have to be read again; ``cost`` is in the currency of whoever set the prices, None
    where nobody did.
    """

    prompt: int
    completion: int
    cached: int = 0
    cost: float | None = None


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
