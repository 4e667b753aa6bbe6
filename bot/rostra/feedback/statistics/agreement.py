"""How much raters agree: Krippendorff's alpha on places and on pairs, and each rater against all the others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..judged import Judged
from .distributions import foreign

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Distance: TypeAlias = Literal["nominal", "ordinal"]
Values: TypeAlias = Sequence[float]
Units: TypeAlias = Mapping[str, Sequence[Values]]
"""By task, for each thing judged in it, what each rater said."""

DRAWS = 1000
FEWEST_DRAWS = 200
CELLS = 4_000_000
"""What the table of draws holds at most, as long as there are `FEWEST_DRAWS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """A measure of agreement (1: always; 0: as by chance) with a 95 % interval, tasks drawn anew. NaN: there is nothing to compare."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of raters on the ``tasks`` that several ranked.

    ``places`` is ordinal alpha on where each answer was put. ``pairs`` is ordinal and ``pairs_nominal`` nominal alpha on worse, tied,
    better; with many ties the nominal one falls although raters agree. ``tau`` is the mean tau-b of a rater with the mean
    of the others. ``same`` is the share of pairs, strict for both raters, on which two raters agree: 0.63 to 0.77 is usual for
    preferences between answers.
    """

    tasks: int
    raters: int
    places: Agreed
    pairs: Agreed
    pairs_nominal: Agreed
    tau: Agreed
    same: float


def places(judged: Judged) -> tuple[float | None, ...]:
    """Return where each answer stands, 1 for the best; those that are tied (or were not compared with one another) share the middle."""
    ranked = [tier for tier in judged.tiers if tier is not None]
    return tuple(
        None
        if tier is None
        else sum(other < tier for other in ranked) + (sum(other == tier for other in ranked) + 1) / 2
        for tier in judged.tiers
    )


def rankings(judged: Iterable[Judged]) -> list[Judged]:
    """Return those that rank something and were not taken out, the last revision of each rater's ballot."""
    last: dict[tuple[str, str], Judged] = {}
    for one in judged:
        if one.excluded or one.outcome != "ranked" or sum(tier is not None for tier in one.tiers) < 2:  # noqa: PLR2004  two can be compared
            continue
        before = last.get((one.task, one.rater))
        if before is None or before.revision <= one.revision:
            last[one.task, one.rater] = one
    return list(last.values())


def by_task(judged: Iterable[Judged]) -> dict[str, list[Judged]]:
    """Return the rankings of each task that at least two raters ranked."""
    tasks: dict[str, list[Judged]] = defaultdict(list)
    for one in rankings(judged):
        tasks[one.task].append(one)
    return {task: ballots for task, ballots in tasks.items() if len(ballots) > 1}


def agreement(judged: Iterable[Judged], *, seed: int = 0) -> Agreement:
    """Return how much the raters of ``judged`` agree."""
    tasks = by_task(judged)
    pairs = {task: _pair_units(ballots) for task, ballots in tasks.items()}
    return Agreement(
        tasks=len(tasks),
        raters=len({one.rater for ballots in tasks.values() for one in ballots}),
        places=alpha({task: _place_units(ballots) for task, ballots in tasks.items()}, "ordinal", seed=seed),
        pairs=alpha(pairs, "ordinal", seed=seed),
        pairs_nominal=alpha(pairs, "nominal", seed=seed),
        tau=_mean(taus(tasks), seed),
        same=_same(pairs),
    )


def _place_units(ballots: Sequence[Judged]) -> list[Values]:
    units: dict[str, list[float]] = defaultdict(list)
    for one in ballots:
        for candidate, place in zip(one.candidates, places(one), strict=True):
            if place is not None:
                units[candidate].append(place)
    return list(units.values())


def signs(judged: Judged) -> dict[tuple[str, str], int]:
    """Return for each pair of candidates that was compared, ids in order, 1 if the first is better, -1 if worse, 0 if tied."""
    found: dict[tuple[str, str], int] = {}
    placed = zip(judged.candidates, judged.tiers, strict=True)
    ranked = sorted((name, tier) for name, tier in placed if tier is not None)
    for (one, tier), (other, level) in combinations(ranked, 2):
        if tier != level or tier != judged.loose:
            found[one, other] = (tier < level) - (tier > level)
    return found


def _pair_units(ballots: Sequence[Judged]) -> list[Values]:
    """Return each pair both ways round: which of two answers comes first in a pair must not matter."""
    units: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in ballots:
        for pair, sign in signs(one).items():
            units[pair].append(sign)
    return [*units.values(), *([-sign for sign in unit] for unit in units.values())]


def alpha(units: Units, distance: Distance, *, seed: int = 0) -> Agreed:
    """Return Krippendorff's alpha, which evalica computes, with an interval.

    For the interval tasks are drawn anew, as what is judged in one task is not independent: each task gives a table of which
    values met, and a draw adds them up.
    """
    import numpy as np

    usable = {task: [unit for unit in found if len(unit) > 1] for task, found in units.items()}
    usable = {task: found for task, found in usable.items() if found}
    values = sorted({value for found in usable.values() for unit in found for value in unit})
    if len(values) < 2:  # noqa: PLR2004  with one value there is no chance to agree by
        return Agreed(value=math.nan, low=math.nan, high=math.nan)
    columns = [unit for found in usable.values() for unit in found]
    rows = max(map(len, columns))
    frame = np.full((rows, len(columns)), np.nan)
    for place, unit in enumerate(columns):
        frame[: len(unit), place] = unit
    value = float(foreign("evalica").alpha(foreign("pandas").DataFrame(frame), distance=distance).alpha)
    drawn = _drawn_alphas(_tables(list(usable.values()), values), distance, seed)
    low, high = np.nanpercentile(drawn, [2.5, 97.5]) if np.isfinite(drawn).any() else (np.nan, np.nan)
    return Agreed(value=value, low=float(low), high=float(high))


def _tables(tasks: Sequence[Sequence[Values]], values: Sequence[float]) -> Array:
    """Return for each task how often each value met each other: Krippendorff's coincidences."""
    import numpy as np

    code = {value: at for at, value in enumerate(values)}
    units = [unit for found in tasks for unit in found]
    task = np.repeat(np.arange(len(tasks)), [len(found) for found in tasks])
    sizes = np.array([len(unit) for unit in units])
    said = np.repeat(np.arange(len(units)), sizes) * len(values) + [
        code[value] for unit in units for value in unit
    ]
    counts = np.bincount(said, minlength=len(units) * len(values)).reshape(len(units), len(values))
    tables = np.zeros((len(tasks), len(values), len(values)))
    for one, other in product(range(len(values)), repeat=2):
        met = counts[:, one] * (counts[:, other] - (one == other)) / (sizes - 1)
        tables[:, one, other] = np.bincount(task, weights=met, minlength=len(tasks))
    return tables


def _drawn_alphas(tables: Array, distance: Distance, seed: int) -> Array:
    """Return alpha of every draw of tasks."""
    import numpy as np

    tasks, size, _ = tables.shape
    drawn = (_times(tasks, seed) @ tables.reshape(tasks, size * size)).reshape(-1, size, size)
    totals = drawn.sum(axis=2)
    whole = totals.sum(axis=1)
    if distance == "nominal":
        apart = np.broadcast_to(1 - np.eye(size), drawn.shape)
    else:
        middle = np.cumsum(totals, axis=1) - totals / 2
        apart = (middle[:, :, None] - middle[:, None, :]) ** 2
    observed = (drawn * apart).sum(axis=(1, 2))
    chance = (totals[:, :, None] * totals[:, None, :] * apart).sum(axis=(1, 2)) / np.maximum(whole - 1, 1)
    return np.where(chance > 0, 1 - observed / np.where(chance > 0, chance, 1), np.nan)


def taus(tasks: Mapping[str, Sequence[Judged]]) -> list[tuple[str, str, float]]:
    """Return (task, rater, Kendall's tau-b with the mean place given by the others) wherever it is defined."""
    found: list[tuple[str, str, float]] = []
    for task, ballots in tasks.items():
        given = [dict(zip(one.candidates, places(one), strict=True)) for one in ballots]
        for at, one in enumerate(ballots):
            others = [each for other, each in enumerate(given) if other != at]
            value = tau_b(signs(one), _middle(one.candidates, others))
            if not math.isnan(value):
                found.append((task, one.rater, value))
    return found


def _middle(candidates: Sequence[str], given: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    """Return the mean place of each candidate that somebody placed."""
    means: dict[str, float] = {}
    for candidate in candidates:
        said = [place for one in given if (place := one.get(candidate)) is not None]
        if said:
            means[candidate] = sum(said) / len(said)
    return means


def tau_b(said: Mapping[tuple[str, str], int], consensus: Mapping[str, float]) -> float:
    """Return Kendall's tau-b of what a rater said of pairs with places in a consensus; NaN where one of them has only ties."""
    both = mine = theirs = 0
    for (one, other), sign in said.items():
        if one in consensus and other in consensus:
            step = (consensus[one] < consensus[other]) - (consensus[one] > consensus[other])
            both += sign * step
            mine += sign * sign
            theirs += step * step
    return both / math.sqrt(mine * theirs) if mine and theirs else math.nan


def _mean(values: Sequence[tuple[str, str, float]], seed: int) -> Agreed:
    """Return the mean, tasks drawn anew for its interval."""
    import numpy as np

    if not values:
        return Agreed(value=math.nan, low=math.nan, high=math.nan)
    tasks = np.unique([task for task, _, _ in values], return_inverse=True)[1]
    said = np.array([value for _, _, value in values])
    sums, counts = np.bincount(tasks, weights=said), np.bincount(tasks)
    times = _times(len(counts), seed)
    low, high = np.percentile((times @ sums) / (times @ counts), [2.5, 97.5])
    return Agreed(value=float(said.mean()), low=float(low), high=float(high))


def _times(tasks: int, seed: int) -> Array:
    """Return how often each task is drawn: a row a draw, fewer of them where there are many tasks."""
    import numpy as np

    draws = max(FEWEST_DRAWS, min(DRAWS, CELLS // tasks))
    return np.random.default_rng(seed).multinomial(tasks, np.full(tasks, 1 / tasks), size=draws)


def _same(pairs: Units) -> float:
    agreeing = compared_ = 0
    for units in pairs.values():
        for unit in units:
            for one, other in combinations(unit, 2):
                if one and other:
                    compared_ += 1
                    agreeing += one == other
    return agreeing / compared_ if compared_ else math.nan
