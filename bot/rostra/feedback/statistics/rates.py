"""How often one answerer's answers are preferred to another's, by every way of choosing judgments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..judged import Judged
from .contests import Sampling, contests
from .distributions import reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The share of comparisons that the first of two answerers won, a tie half, with a 95 % interval by prompts."""

    value: float
    low: float
    high: float
    ballots: int
    prompts: int


def win_rate(judged: Iterable[Judged], one: str, other: str, *, sampling: Sampling = "all") -> Rate:
    """Return how often ``one`` was preferred to ``other``. Where active selection chose tasks, "uniform" and "inverse" are unbiased.

    A ballot weighs as much as its comparisons of the two are of all its comparisons. Raises `ValueError` where they never met.
    """
    import numpy as np

    arena = contests(judged, sampling)
    codes = {name: at for at, name in enumerate(arena.names)}
    mine, theirs = codes.get(one, -1), codes.get(other, -1)
    forth = (arena.first == mine) & (arena.second == theirs)
    back = (arena.first == theirs) & (arena.second == mine)
    met = forth | back
    if not met.any():
        raise ValueError(f"{one!r} and {other!r} were never compared")
    score = np.where(forth, arena.score, 1 - arena.score)[met]
    weight, prompt = arena.weight[met], arena.prompt[met]
    value = float(weight @ score / weight.sum())
    pulls = np.bincount(prompt, weights=weight * (score - value))
    prompts = len(np.unique(prompt))
    error = float(np.sqrt((pulls**2).sum() * prompts / max(prompts - 1, 1)) / weight.sum())
    wide = reach(prompts) * error
    return Rate(
        value=value,
        low=max(value - wide, 0.0),
        high=min(value + wide, 1.0),
        ballots=len(np.unique(arena.ballot[met])),
        prompts=prompts,
    )
