"""What one event of a stream says, whatever API it came from, and how numbers and reasons are read from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from rostra.chat import FinishReason, Usage

Json: TypeAlias = Mapping[str, Any]

_MOST_NUMBER = 2**53
"""Integers from here on are not exact in every JSON (RFC 8259 §6)."""

FINISHES: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
"""Reasons that servers give. Others, such as ``eos`` or ``end_turn``, are a model that stopped by itself."""


class BadReply(Exception):
    """A server says what the protocol does not know, or that it failed. The message quotes nothing but codes.

    ``code`` is the server's own word for a failure; ``again``: the same call may succeed.
    """

    def __init__(self, message: str, *, code: str = "", again: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.again = again


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPart:
    """A part of a call: ``index`` says of which; ``id`` and ``name`` come with the first one."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A part of an answer. ``thinking``: the model thinks where nobody sees it; ``refused``: what it says is a refusal."""

    text: str = ""
    choice: int = 0
    finish: FinishReason | None = None
    usage: Usage | None = None
    calls: tuple[CallPart, ...] = ()
    logprobs: tuple[float, ...] = ()
    thinking: bool = False
    refused: bool = False

    @property
    def says_something(self) -> bool:
        """Whether it is more than a greeting: what ends the wait for the first token."""
        return bool(self.text or self.finish or self.calls or self.thinking)


def table(value: object) -> Json:
    """Return ``value`` if it is an object, else an empty one."""
    return cast("Json", value) if isinstance(value, dict) else {}


def items(value: object) -> Sequence[object]:
    """Return ``value`` if it is a list, else an empty one."""
    return cast("Sequence[object]", value) if isinstance(value, list) else ()


def text(value: object) -> str:
    """Return ``value`` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int:
    """Return ``value`` if it counts something, else 0."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_NUMBER
    return cast("int", value) if fits else 0


def index(value: object, default: int = 0) -> int:
    """Return ``value`` if it is an index, or ``default`` if it is missing. Raises `BadReply`."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1024:  # noqa: PLR2004  far more than anybody asks for
        raise BadReply("an index that is none")
    return value


def finish_of(value: object) -> FinishReason | None:
    """Return why an answer ended, or None where ``value`` names no reason."""
    return FINISHES.get(value, "stop") if isinstance(value, str) and value else None


def logprobs_of(value: object) -> tuple[float, ...]:
    """Return the log-probabilities of a list of tokens; none at all if one of them is missing."""
    found = [table(item).get("logprob") for item in items(value)]
    numbers = [float(one) for one in found if isinstance(one, int | float) and not isinstance(one, bool)]
    return tuple(numbers) if len(numbers) == len(found) else ()


def usage_of(prompt: object, completion: object, cached: object) -> Usage | None:
    """Return the usage, if there is any."""
    if prompt is None and completion is None:
        return None
    read = number(prompt)
    return Usage(prompt=read, completion=number(completion), cached=min(number(cached), read))
