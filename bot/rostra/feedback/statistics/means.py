"""How many points answerers get on each axis, with intervals that hold although one rater's points are not independent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..judged import Judged
from ..remarks import Remark
from .distributions import reach

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]


ONE = "One rater: the intervals say nothing of what others would give."


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """The mean of an answerer's points on an axis (1 to ``most``) with its 95 % interval, None where there is nothing to tell chance by.

    ``points`` are how many there are, by ``raters`` people on ``prompts`` prompts.
    """

    answerer: str
    axis: str
    most: int
    value: float
    low: float | None
    high: float | None
    points: int
    raters: int
    prompts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """All means, by axis and then best first; ``left_out`` ballots gave no points that count. ``warnings`` are sentences."""

    means: tuple[Mean, ...]
    ballots: int
    left_out: int
    warnings: tuple[str, ...]


_Point: TypeAlias = tuple[int, str, str]
"""Points, by whom, on which prompt."""


def means(judged: Iterable[Judged], remarks: Iterable[Remark]) -> Means:
    """Return the means of what ``judged`` give, whose points are in ``remarks``.

    Left out are what quality control took out, ballots that check raters, and answers that no model wrote.
    """
    given = {one.judgment: one.ratings for one in remarks}
    found: defaultdict[tuple[str, int, str], list[_Point]] = defaultdict(list)
    ballots = left_out = 0
    raters: set[str] = set()
    for one in judged:
        ratings = () if one.excluded or one.gold else given.get(one.judgment, ())
        names = dict(zip(one.candidates, one.answerers, strict=True))
        counted = [rating for rating in ratings if names.get(rating.candidate)]
        ballots += bool(counted)
        left_out += not counted
        raters.update([one.rater] if counted else [])
        for rating in counted:
            key = (rating.axis, rating.maximum, names[rating.candidate])
            found[key].append((rating.value, one.rater, one.prompt))
    rows = [_mean(key, points) for key, points in found.items()]
    rows.sort(key=lambda row: (row.axis, row.most, -row.value, row.answerer))
    return Means(
        means=tuple(rows), ballots=ballots, left_out=left_out, warnings=(ONE,) if len(raters) == 1 else ()
    )


def _mean(key: tuple[str, int, str], points: Sequence[_Point]) -> Mean:
    import numpy as np

    axis, most, answerer = key
    values = np.array([value for value, _, _ in points], dtype=float)
    raters = _codes([rater for _, rater, _ in points])
    prompts = _codes([prompt for _, _, prompt in points])
    value, wide = float(values.mean()), _reach(values, raters, prompts)
    return Mean(
        answerer=answerer,
        axis=axis,
        most=most,
        value=value,
        low=None if wide is None else max(value - wide, 1.0),
        high=None if wide is None else min(value + wide, float(most)),
        points=len(points),
        raters=int(raters.max()) + 1,
        prompts=int(prompts.max()) + 1,
    )


def _reach(values: Array, raters: Array, prompts: Array) -> float | None:
    """Return how far the interval reaches to each side.

    Points of one rater depend on one another, and so do points on one prompt: variances of both are added, less what is in
    both (Cameron, Gelbach and Miller, 2011). The interval is never narrower than with raters, or prompts, alone, or if all
    points were independent: few groups may happen to be alike.
    """
    import numpy as np

    pulls = values - values.mean()
    if not pulls.any():
        return None
    both = _codes(list(zip(raters.tolist(), prompts.tolist(), strict=True)))
    by = {
        name: _variance(pulls, codes)
        for name, codes in (("rater", raters), ("prompt", prompts), ("both", both))
        if codes.max() > 0
    }
    if "both" not in by:
        return None
    two_way = by.get("rater", 0.0) + by.get("prompt", 0.0) - by["both"]
    alone = _variance(pulls, np.arange(len(pulls)))
    square = max(by.get("rater", 0.0), by.get("prompt", 0.0), two_way, alone)
    groups = [int(codes.max()) + 1 for codes in (raters, prompts) if codes.max() > 0]
    return reach(min(groups)) * float(np.sqrt(square))


def _variance(pulls: Array, codes: Array) -> float:
    """Return the variance of a mean whose points depend on one another within groups."""
    import numpy as np

    sums = np.bincount(codes, weights=pulls)
    groups = len(sums)
    return float((sums**2).sum() / len(pulls) ** 2 * groups / (groups - 1))


def _codes(names: Sequence[Any]) -> Array:
    """Return a number for each name, counted from 0."""
    import numpy as np

    known: dict[Any, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)
