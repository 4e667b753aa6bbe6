"""What the training bench trains on: seeded tokens in the shapes of texts, of public chats, and of ranked answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

ROOM = 256
"""Tokens of a full sequence."""

WINDOW = 1024
"""Tokens of the longest conversation."""

ANSWERS = 4
"""Answers in a ranking."""

_MARK = 5
"""Tokens that a chat template puts around a message."""

_QUESTION, _ANSWER = (19, 0.9), (140, 1.0)
"""Median and spread (of the logarithm) of the tokens of a message: those of OpenAssistant's English trees."""

_EXCHANGES = (1, 2, 3), (0.35, 0.55, 0.10)
"""How many questions with an answer a conversation has, and how often: likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation: its tokens, and which of them are an answer's."""

    ids: list[int]
    wanted: list[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Answers to one question, the best first, each as the tokens of the whole conversation."""

    answers: list[list[int]]


def full(count: int, vocabulary: int, *, room: int = ROOM, seed: int = 0) -> list[list[int]]:
    """Return ``count`` sequences of ``room`` tokens."""
    chance = Random(f"full {seed}")  # noqa: S311  reproducible, not secret
    return [_tokens(chance, vocabulary, room) for _ in range(count)]


def talks(count: int, vocabulary: int, *, window: int = WINDOW, seed: int = 0) -> list[Talk]:
    """Return ``count`` conversations of very different length, each cut at ``window`` tokens."""
    chance = Random(f"talks {seed}")  # noqa: S311  reproducible, not secret
    found: list[Talk] = []
    while len(found) < count:
        ids: list[int] = []
        wanted: list[bool] = []
        for _ in range(chance.choices(*_EXCHANGES)[0]):
            for (median, spread), answer in ((_QUESTION, False), (_ANSWER, True)):
                said = max(2, round(median * chance.lognormvariate(0, spread)))
                ids += _tokens(chance, vocabulary, _MARK + said)
                wanted += [False] * (_MARK - 1) + [answer] * said + [False]
        if any(wanted[1:window]):
            found.append(Talk(ids=ids[:window], wanted=wanted[:window]))
    return found


def orders(count: int, vocabulary: int, *, window: int = WINDOW, seed: int = 0) -> list[Order]:
    """Return ``count`` rankings of four answers to a question."""
    chance = Random(f"orders {seed}")  # noqa: S311  reproducible, not secret
    found: list[Order] = []
    for _ in range(count):
        question = _tokens(chance, vocabulary, 2 * _MARK + max(2, round(19 * chance.lognormvariate(0, 0.9))))
        found.append(
            Order(
                answers=[
                    [*question, *_tokens(chance, vocabulary, size)][:window]
                    for size in (max(2, round(140 * chance.lognormvariate(0, 0.7))) for _ in range(ANSWERS))
                ]
            )
        )
    return found


def pairs(order: Order) -> list[tuple[list[int], list[int]]]:
    """Return all pairs of a ranking, the better answer first, as trainers of pairs read it."""
    those: Sequence[list[int]] = order.answers
    return [(those[at], other) for at in range(len(those)) for other in those[at + 1 :]]


def _tokens(chance: Random, vocabulary: int, count: int) -> list[int]:
    return [chance.randrange(3, vocabulary) for _ in range(count)]
