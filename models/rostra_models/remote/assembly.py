"""From the parts of a server's answers to pieces of ours: calls put together, stops obeyed, finishes held to the end. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from rostra.chat import FinishReason, Piece, ToolCall, Usage

from ..text import Stops, clean
from .delta import BadReply, CallPart, Delta

MOST_CALLS = 128
"""Calls that one answer may make."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Choice:
    stops: Stops
    half: str = ""  # the first half of a character that was cut in two (UTF-16)
    held: int = 0  # characters that could begin a stop string
    logprobs: list[float] = field(default_factory=list[float])
    calls: dict[int, _Call] = field(default_factory=dict[int, _Call])
    finish: FinishReason | None = None
    refused: bool = False
    said: bool = False


class Assembly:
    """Puts the answers to one request together. ``choices`` are the numbers that its answers get.

    `push` gives what may be shown now; `end` what was held back, and the finish of each choice.
    """

    def __init__(self, choices: Sequence[int], stop: Sequence[str]) -> None:
        self._numbers = tuple(choices)
        self._stop = tuple(stop)
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._thought = False

    @property
    def finished(self) -> bool:
        """Whether every choice has ended: what may still come is the usage."""
        done = [choice for choice in self._choices.values() if choice.finish is not None]
        return len(done) == len(self._numbers)

    @property
    def ended(self) -> bool:
        """Whether the answer is whole, though choices may be missing: those that were begun have ended."""
        return bool(self._choices) and all(choice.finish for choice in self._choices.values())

    @property
    def stopped(self) -> bool:
        """Whether every choice has run into a stop string: the rest need not be waited for."""
        found = [choice for choice in self._choices.values() if choice.stops.found]
        return len(found) == len(self._numbers)

    @property
    def usage(self) -> Usage | None:
        """What was used, as far as the server said it."""
        return self._usage

    @property
    def missing(self) -> Sequence[int]:
        """Numbers of choices of which nothing has come."""
        return [number for at, number in enumerate(self._numbers) if at not in self._choices]

    def push(self, delta: Delta) -> Iterator[Piece]:
        """Yield what may be shown of ``delta``. Raises `BadReply`."""
        if delta.usage is not None:
            self._usage = delta.usage
        if delta.says_something or delta.logprobs:
            if delta.choice >= len(self._numbers):
                raise BadReply("an answer that nobody asked for")
            choice = self._choices.setdefault(delta.choice, _Choice(Stops(self._stop)))
            yield from self._push(choice, delta)

    def _push(self, choice: _Choice, delta: Delta) -> Iterator[Piece]:
        number = self._numbers[delta.choice]
        if choice.finish is not None:
            return  # whatever follows the end, it is not part of the answer
        choice.refused = choice.refused or delta.refused
        choice.logprobs += delta.logprobs
        for part in delta.calls:
            _add(choice, part)
        if delta.thinking and not self._thought:
            self._thought = True
            yield Piece(choice=number)  # a sign of life
        shown = self._shown(choice, delta.text)
        if shown:
            yield Piece(text=shown, logprobs=_logprobs(choice), choice=number)
        if choice.stops.found:
            choice.finish = "stop"
            choice.logprobs.clear()
        elif delta.finish is not None:
            choice.finish = delta.finish

    def _shown(self, choice: _Choice, text: str) -> str:
        if not text:
            return ""
        choice.said = True
        text = choice.half + text
        choice.half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        whole = clean(text[: len(text) - len(choice.half)])
        shown = choice.stops.push(whole)
        choice.held += len(whole) - len(shown)
        return shown

    def end(self) -> Iterator[Piece]:
        """Yield the rest of each choice with its finish; the last one has the usage of all."""
        begun = sorted(self._choices)
        for at in begun:
            choice = self._choices[at]
            rest = "" if choice.stops.found else choice.stops.push(clean(choice.half)) + choice.stops.rest()
            choice.held = 0
            piece = Piece(
                text=rest,
                finish=_finish(choice),
                logprobs=_logprobs(choice),
                calls=tuple(_call(choice.calls[place]) for place in sorted(choice.calls)),
                choice=self._numbers[at],
            )
            yield replace(piece, usage=self._usage) if at == begun[-1] else piece


def _add(choice: _Choice, part: CallPart) -> None:
    if len(choice.calls) >= MOST_CALLS and part.index not in choice.calls:
        raise BadReply(f"more than {MOST_CALLS} calls")
    call = choice.calls.setdefault(part.index, _Call())
    call.id = call.id or part.id
    call.name = call.name or part.name
    call.arguments.append(part.arguments)


def _call(call: _Call) -> ToolCall:
    if not call.name:
        raise BadReply("a call without a name")
    return ToolCall(id=clean(call.id), name=clean(call.name), arguments=clean("".join(call.arguments)))


def _logprobs(choice: _Choice) -> Sequence[float] | None:
    """Return the log-probabilities up to here, unless some of their text is held back."""
    if choice.held or not choice.logprobs:
        return None
    found, choice.logprobs = tuple(choice.logprobs), []
    return found


def _finish(choice: _Choice) -> FinishReason:
    if choice.refused:
        return "content_filter"
    if choice.calls and choice.finish in {None, "stop"}:
        return "tool_calls"  # some servers say "stop"
    return choice.finish or "stop"
