"""How each rater rates: right on gold tasks, in line with the others, by position, in haste, in patterns, and the same twice."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from statistics import median, stdev
from typing import TYPE_CHECKING, Any, TypeAlias

from ..judged import Judged
from .agreement import by_task, rankings, signs, taus
from .distributions import at_least, beta_interval, chances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Right: TypeAlias = Mapping[str, Sequence[Sequence[str]]]
"""The right tiers of candidate ids by gold task, as `rostra.feedback.values.Task.gold` has them."""

PRIOR = 10
"""Tasks that the mean of the campaign counts for in a rater's tau."""

LEAST_TAU_SPREAD = 0.3
"""What tau-b differs by from task to task at least: a few equal ones do not make a rater's mean certain."""

MAD = 1.4826
"""What makes the median of absolute deviations the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterStatistics:
    """What one rater's ballots show. Nothing here says that somebody cheats.

    ``gold_right`` and ``gold_wrong`` are gold ballots, one half right counts half for both; their share is above
    ``gold_low`` and below ``gold_high``, each with 97.5 % (Beta(1+right, 1+wrong)).
    ``tau`` is the mean tau-b with the mean of the others on ``tau_tasks`` tasks, ``tau_shrunk`` the same drawn to the campaign's mean as if it
    had been `PRIOR` tasks, ``tau_error`` its standard error. ``first_share`` is how often the answer shown first was the best alone, ``first_chance`` how probable it is that
    shuffling gives so much or more (or less) from that; honest raters of shuffled answers have none. ``pattern`` is the commonest arrangement of places
    on the screen, ``pattern_chance`` how probable so many are under shuffling, ``pattern_excess`` by how much their share exceeds what that gives; ``entropy`` of patterns is 1 where all are equally common.
    ``seconds`` is the median time a ballot, ``haste`` how many standard deviations (of raters' medians, logarithms) it lies below the others.
    ``same_twice`` is the share of pairs judged the same when asked once more.
    """

    rater: str
    ballots: int
    outcomes: Mapping[str, int]
    gold_right: float = 0
    gold_wrong: float = 0
    gold_low: float = 0.0
    gold_high: float = 1.0
    tau: float = math.nan
    tau_shrunk: float = math.nan
    tau_tasks: int = 0
    tau_error: float = math.nan
    first_share: float = math.nan
    first_chance: float = 1.0
    pattern: tuple[int, ...] = ()
    pattern_chance: float = 1.0
    pattern_excess: float = 0.0
    entropy: float = math.nan
    seconds: float = math.nan
    haste: float = 0.0
    same_twice: float = math.nan
    asked_twice: int = 0
    by_day: Mapping[date, int] = field(default_factory=dict[date, int])


def raters(judged: Sequence[Judged], right: Right | None = None) -> tuple[RaterStatistics, ...]:
    """Return what the ballots of each rater show, most ballots first. Judgments that were taken out count no more.

    ``right`` are the right tiers of gold tasks; without them nothing is said about gold.
    """
    kept = [one for one in judged if not one.excluded]
    mine: dict[str, list[Judged]] = defaultdict(list)
    for one in kept:
        mine[one.rater].append(one)
    said: dict[str, list[float]] = defaultdict(list)
    for _, rater, value in taus(by_task(kept)):
        said[rater].append(value)
    every = [value for values in said.values() for value in values]
    mean = sum(every) / len(every) if every else math.nan
    haste = _haste(mine)
    found = [
        _statistics(rater, ballots, right or {}, said.get(rater, []), mean, haste[rater])
        for rater, ballots in mine.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.ballots, one.rater)))


def _statistics(
    rater: str,
    ballots: Sequence[Judged],
    right: Right,
    said: Sequence[float],
    mean: float,
    haste: tuple[float, float],
) -> RaterStatistics:
    ranked = rankings(ballots)
    good, bad = gold_ballots(ranked, right)
    low, high = beta_interval(good, bad)
    first_share, first_chance = first_effect(ranked)
    (pattern, pattern_chance, pattern_excess), entropy = pattern_of(ranked)
    same, twice = repeated(ranked)
    return RaterStatistics(
        rater=rater,
        ballots=len(ballots),
        outcomes=Counter(str(one.outcome) for one in ballots),
        gold_right=good,
        gold_wrong=bad,
        gold_low=low,
        gold_high=high,
        tau=sum(said) / len(said) if said else math.nan,
        tau_shrunk=(sum(said) + PRIOR * mean) / (len(said) + PRIOR),
        tau_tasks=len(said),
        tau_error=max(stdev(said), LEAST_TAU_SPREAD) / math.sqrt(len(said)) if len(said) > 1 else math.nan,
        first_share=first_share,
        first_chance=first_chance,
        pattern=pattern,
        pattern_chance=pattern_chance,
        pattern_excess=pattern_excess,
        entropy=entropy,
        seconds=haste[0],
        haste=haste[1],
        same_twice=same / twice if twice else math.nan,
        asked_twice=twice,
        by_day=Counter(one.at.date() for one in ballots),
    )


def gold_ballots(ranked: Iterable[Judged], right: Right) -> tuple[float, float]:
    """Return how many gold ballots were right, and how many wrong: each by the share of its strict pairs, as these hang together.

    A tie where there is none counts as wrong.
    """
    good = bad = 0.0
    for one in ranked:
        tier = {
            candidate: number for number, tied in enumerate(right.get(one.task, ())) for candidate in tied
        }
        hits = [
            sign == (1 if tier[better] < tier[worse] else -1)
            for (better, worse), sign in signs(one).items()
            if better in tier and worse in tier and tier[better] != tier[worse]
        ]
        if hits:
            good, bad = good + sum(hits) / len(hits), bad + 1 - sum(hits) / len(hits)
    return good, bad


def first_effect(ranked: Iterable[Judged]) -> tuple[float, float]:
    """Return how often the answer shown first was the best alone, and how probable that is under shuffling, both sides.

    Whatever the answers are worth, a shuffle puts the best of k first with probability 1/k; ballots with several k are added
    exactly.
    """
    import numpy as np

    shown: Counter[int] = Counter()
    firsts = 0
    for one in ranked:
        tiers = [tier if tier is not None else math.inf for tier in one.tiers]
        if None not in one.tiers and tiers.count(min(tiers)) == 1 and _alone(one, min(tiers)):
            shown[len(tiers)] += 1
            firsts += tiers[0] == min(tiers)
    total = sum(shown.values())
    if not total:
        return math.nan, 1.0
    likely: Array = np.ones(1)
    for k, times in shown.items():
        likely = np.convolve(likely, chances(times, 1 / k))
    tail = min(likely[firsts:].sum(), likely[: firsts + 1].sum())
    return firsts / total, float(min(1.0, 2 * tail))


def _alone(judged: Judged, tier: float) -> bool:
    return len(judged.tiers) > 1 and judged.loose != tier


def pattern_of(ranked: Iterable[Judged]) -> tuple[tuple[tuple[int, ...], float, float], float]:
    """Return the least probable commonest arrangement of tiers on the screen, its probability and excess, and how even all are.

    Under shuffling all arrangements of the same tiers are equally probable: of four answers without ties each of 24. The
    probability counts that there were so many to choose from (Bonferroni). All equally common are even by 1, one alone by 0; NaN: there are too few ballots.
    """
    shapes: dict[tuple[int, ...], Counter[tuple[int, ...]]] = defaultdict(Counter)
    for one in ranked:
        if None not in one.tiers:
            arranged = tuple(tier for tier in one.tiers if tier is not None)
            shapes[tuple(sorted(arranged))][arranged] += 1
    best: tuple[tuple[int, ...], float, float] = ((), 1.0, 0.0)
    evenness: list[tuple[int, float]] = []
    for shape, counted in shapes.items():
        ways = math.factorial(len(shape)) // math.prod(map(math.factorial, Counter(shape).values()))
        total = counted.total()
        arranged, times = counted.most_common(1)[0]
        chance = at_least(times, total, 1 / ways) * ways * len(shapes)
        if ways > 1 and chance < best[1]:
            best = (arranged, chance, times / total - 1 / ways)
        if ways > 1 and total > 1:
            bits = -sum(n / total * math.log(n / total) for n in counted.values())
            evenness.append((total, bits / math.log(min(ways, total))))
    weight = sum(total for total, _ in evenness)
    even = sum(total * bits for total, bits in evenness) / weight if weight else math.nan
    return best, even


def repeated(ranked: Iterable[Judged]) -> tuple[int, int]:
    """Return how many pairs somebody judged the same when the same answers came in another task, and how many came again."""
    before: dict[frozenset[str], list[Judged]] = defaultdict(list)
    for one in ranked:
        before[frozenset(one.candidates)].append(one)
    same = twice = 0
    for ballots in before.values():
        for one, other in combinations(ballots, 2):
            mine, again = signs(one), signs(other)
            both = mine.keys() & again.keys()
            twice += len(both)
            same += sum(mine[pair] == again[pair] for pair in both)
    return same, twice


def _haste(mine: Mapping[str, Sequence[Judged]]) -> dict[str, tuple[float, float]]:
    """Return for each rater the median seconds, and how far that is below the middle of all raters."""
    seconds = {
        rater: median([one.duration_ms for one in ballots if one.duration_ms > 0] or [0]) / 1000
        for rater, ballots in mine.items()
    }
    logs = {rater: math.log(each) for rater, each in seconds.items() if each > 0}
    if not logs:
        return dict.fromkeys(mine, (math.nan, 0.0))
    middle = median(logs.values())
    spread = max(MAD * median(abs(each - middle) for each in logs.values()), LEAST_SPREAD)
    return {
        rater: (seconds[rater] or math.nan, (middle - logs[rater]) / spread if rater in logs else 0.0)
        for rater in mine
    }


LEAST_SPREAD = 0.2
"""Raters who take a fifth more or less time are not said to differ, however alike the others are."""
