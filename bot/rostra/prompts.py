"""From a system prompt, a history and a question to what a model reads, inside a token budget. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .chat import Utterance

OVERHEAD = 8
"""Tokens a chat template adds to an utterance; the templates of the common families add 3 to 6."""

CUT = "\n[… the rest was cut: it is longer than the model can read …]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model reads, and what did not fit."""

    messages: tuple[Utterance, ...]
    tokens: int
    forgotten: int = 0
    cut: bool = False


def fit(
    system: str, history: Sequence[Utterance], question: str, *, budget: int, count: Callable[[str], int]
) -> Prompt:
    """Return as much of the conversation as fits into ``budget`` tokens.

    The system prompt and the question always stay; of the history the oldest exchanges go first, always whole, so that
    no answer stands without its question. A question that does not fit alone is cut at its end, and says so.
    """
    head = [Utterance(role="system", text=system)] if system else []
    room = budget - sum(_cost(utterance, count) for utterance in head)
    asked = Utterance(role="user", text=question)
    cut = _cost(asked, count) > room
    if cut:
        asked = Utterance(role="user", text=_shorten(question, room - OVERHEAD, count))
    room -= _cost(asked, count)
    first = len(history)
    for start, cost in _exchanges(history, count):
        if cost > room:
            break
        room -= cost
        first = start
    kept = history[first:]
    return Prompt(messages=(*head, *kept, asked), tokens=budget - room, forgotten=first, cut=cut)


def _cost(utterance: Utterance, count: Callable[[str], int]) -> int:
    return count(utterance.text) + OVERHEAD


def _exchanges(history: Sequence[Utterance], count: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    """Yield where each exchange starts and what it costs, the latest first."""
    cost = 0
    for number in range(len(history) - 1, -1, -1):
        utterance = history[number]
        cost += count(utterance.text) + OVERHEAD
        if utterance.role == "user" or number == 0:
            yield number, cost
            cost = 0


def _shorten(text: str, room: int, count: Callable[[str], int]) -> str:
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits together with the notice
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle] + CUT) <= room else (low, middle - 1)
    return text[:low] + CUT
