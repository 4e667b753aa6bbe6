"""Two other ways to tell strengths: Newman's, in which a tie is an outcome of its own, and Plackett and Luce's of whole rankings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from ..judged import Judged
from .contests import Contests, contests
from .distributions import foreign
from .fitting import GHOST, apart, ghosts

MOST_STAGES = 50_000
"""Stages that a fit of Plackett and Luce's model takes at most; choix goes through them one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strengths:
    """Strengths (log odds, 0 in the middle) by answerer. They are not comparable across models: each gives its own scale.

    ``ties`` is Davidson's parameter: two equals tie with probability ties/(2+ties); None in a model without ties. ``used`` of ``found``
    comparisons or stages were fitted.
    """

    model: str
    strengths: dict[str, float]
    used: int
    found: int
    ties: float | None = None


def newman(judged: Iterable[Judged]) -> Strengths:
    """Return strengths and how common ties are, by Davidson's model of ties (Newman, JMLR 24, 2023; evalica fits it).

    Counting a tie as half a win pulls strengths together; this does not. Raises `ValueError` where nothing was compared.
    """
    return newman_of(contests(judged))


def newman_of(arena: Contests) -> Strengths:
    """Return what `newman` does, of comparisons."""
    import numpy as np

    evalica = foreign("evalica")
    if not len(arena):
        raise ValueError("there are no comparisons")
    names = len(arena.names)
    outcome = (2 * arena.score).astype(np.int64)
    cells = (arena.first.astype(np.int64) * names + arena.second) * 3 + outcome
    other = arena.first != arena.second
    weights = np.bincount(cells[other], weights=arena.weight[other], minlength=3 * names * names)
    used = np.flatnonzero(weights)
    first, second, results = used // 3 // names, used // 3 % names, used % 3
    winners = [(evalica.Winner.Y, evalica.Winner.Draw, evalica.Winner.X)[result] for result in results]
    tied = ghosts(apart(arena))
    one, two = np.nonzero(tied)  # each pair both ways round: a win for each
    fitted = evalica.newman(
        [*first.tolist(), *one.tolist()],
        [*second.tolist(), *two.tolist()],
        [*winners, *[evalica.Winner.X] * len(one)],
        weights=[*weights[used].tolist(), *(tied[one, two] / 2).tolist()],
        tolerance=1e-8,
        limit=10_000,
    )
    raw = np.log(np.array([fitted.scores[at] for at in range(names)]))
    raw -= raw.mean()
    return Strengths(
        model="Newman",
        strengths=dict(zip(arena.names, raw.tolist(), strict=True)),
        ties=2 * float(fitted.v),
        used=int(other.sum()),
        found=int(other.sum()),
    )


def plackett_luce(judged: Iterable[Judged], *, seed: int = 0) -> Strengths:
    """Return strengths from whole rankings, as far as they are strict (choix fits them).

    A ranking is read as choices, best first: each tier of one is what was chosen from itself and all below; tied tiers
    are no choice. Where there are more than `MOST_STAGES` choices, so many are drawn. Raises `ValueError` where there is none.
    """
    names: dict[str, int] = {}
    stages: list[tuple[int, tuple[int, ...]]] = []
    for one in judged:
        if not one.excluded and not one.gold and one.outcome == "ranked":
            stages.extend(_stages(one, names))
    if not stages:
        raise ValueError("no ranking has a strict part")
    found = len(stages)
    if found > MOST_STAGES:
        stages = Random(seed).sample(stages, MOST_STAGES)  # noqa: S311  no secret
    raw = foreign("choix").ilsr_top1(len(names), stages, alpha=GHOST, max_iter=1000)
    middle = sum(raw) / len(raw)
    return Strengths(
        model="Plackett-Luce",
        strengths={name: float(raw[at] - middle) for name, at in names.items()},
        used=len(stages),
        found=found,
    )


def _stages(judged: Judged, names: dict[str, int]) -> Sequence[tuple[int, tuple[int, ...]]]:
    slots = [
        (tier, name)
        for tier, name in zip(judged.tiers, judged.answerers, strict=True)
        if tier is not None and name
    ]
    found: list[tuple[int, tuple[int, ...]]] = []
    for tier, name in slots:
        level = [other for other, _ in slots if other == tier]
        below = [other for number, other in slots if number > tier]
        if len(level) == 1 and below:
            codes = [names.setdefault(one, len(names)) for one in (name, *below)]
            found.append((codes[0], tuple(codes[1:])))
    return found
