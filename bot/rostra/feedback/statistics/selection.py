"""Which task to ask next: at random at first, then where a ballot tells most, with the probability of every choice kept.

Some tasks stay drawn uniformly, and those alone, or all weighed by the inverse of their propensity, say what is true of all tasks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import TypeAlias

from .contests import Contests

Pair: TypeAlias = tuple[str, str]
Votes: TypeAlias = Mapping[Pair, tuple[float, float, float]]
"""By two answerers in order: number of votes, their sum, the sum of their squares (1 won, ½ tied, 0 lost by the first)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A task that could be asked, and whose answers are in it."""

    task: str
    answerers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How tasks are drawn: the first ``start`` ballots uniformly, after that a share ``uniform``.

    Of the others a share ``floor`` is spread evenly, so that no propensity is below ``floor`` over the number of tasks.
    """

    start: int = 100
    uniform: float = 0.2
    floor: float = 0.1

    def __post_init__(self) -> None:
        if not (0 < self.uniform <= 1 and 0 < self.floor <= 1):
            raise ValueError(f"uniform {self.uniform!r} and floor {self.floor!r} are shares above 0, up to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The task to ask, and the probability with which it was picked, None in the uniform slice; to be stored with it."""

    task: str
    propensity: float | None


def votes(arena: Contests) -> Votes:
    """Return what was said so far of each two answerers."""
    import numpy as np

    names = len(arena.names)
    turned = arena.first > arena.second
    low, high = np.minimum(arena.first, arena.second), np.maximum(arena.first, arena.second)
    score = np.where(turned, 1 - arena.score, arena.score)
    cells = low.astype(np.int64) * names + high
    counts = np.bincount(cells, minlength=names * names)
    sums = np.bincount(cells, weights=score, minlength=names * names)
    squares = np.bincount(cells, weights=score**2, minlength=names * names)
    found: dict[Pair, tuple[float, float, float]] = {}
    for cell in np.flatnonzero(counts):
        one, other = arena.names[cell // names], arena.names[cell % names]
        n, total, square = float(counts[cell]), float(sums[cell]), float(squares[cell])
        if one > other:
            one, other, total, square = other, one, n - total, n - 2 * total + square
        if one != other:
            found[one, other] = (n, total, square)
    return found


def gain(option: Option, seen: Votes) -> float:
    """Return by how much a ballot on ``option`` narrows the win rates in it: the sum of what one vote more takes off each standard error.

    √(v/n) - √(v/(n+1)) (Chiang et al., arXiv 2403.04132), with n and the variance v as if there had been one win and one loss more.
    """
    total = 0.0
    for one, other in combinations(option.answerers, 2):
        if one != other:
            n, sums, squares = seen.get((min(one, other), max(one, other)), (0.0, 0.0, 0.0))
            n, sums, squares = n + 2, sums + 1, squares + 1
            variance = max(squares / n - (sums / n) ** 2, 0.0)
            total += math.sqrt(variance / n) - math.sqrt(variance / (n + 1))
    return total


def propensities(options: Sequence[Option], seen: Votes, plan: Plan) -> list[float]:
    """Return the probability of each option to be picked, outside of the uniform slice."""
    gains = [gain(option, seen) for option in options]
    total = sum(gains)
    even = 1 / len(options)
    return [plan.floor * even + (1 - plan.floor) * (one / total if total > 0 else even) for one in gains]


def pick(
    options: Sequence[Option], seen: Votes, chance: Random, *, done: int, plan: Plan | None = None
) -> Pick:
    """Return which of ``options`` to ask after ``done`` ballots. Raises `ValueError` where there is none."""
    plan = plan or Plan()
    if not options:
        raise ValueError("there is no task to pick")
    if done < plan.start or chance.random() < plan.uniform:
        return Pick(task=chance.choice(options).task, propensity=None)
    weights = propensities(options, seen, plan)
    at = chance.choices(range(len(options)), weights)[0]
    return Pick(task=options[at].task, propensity=weights[at])
