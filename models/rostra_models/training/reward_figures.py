"""How well rewards agree with raters on questions that were held out, and whether length alone would do as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .ranked import Ranked

Array: TypeAlias = NDArray[Any]

BINS = 10
"""Of confidences from ½ to 1."""

ROUNDING = 1e-9
"""An interval that reaches no further has no width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contests:
    """Pairs of which raters found one better, as arrays of one length. The one they found better is ahead.

    ``apart`` is its reward less the other's; ``longer`` 1, 0 or -1 as it is the longer one; ``prompts`` numbers of questions.
    """

    apart: Array
    longer: Array
    prompts: Array


def contests(rankings: Sequence[Ranked], rewards: Sequence[Sequence[float]]) -> Contests:
    """Return the pairs in ``rankings``; those of which raters are undecided are left out."""
    codes: dict[str, int] = {}
    rows: list[tuple[float, int, int]] = []
    for one, given in zip(rankings, rewards, strict=True):
        code = codes.setdefault(one.prompt, len(codes))
        for pair in one.compared:
            if pair.target == 0.5:  # noqa: PLR2004  as many for one as for the other
                continue
            ahead, behind = (
                (pair.first, pair.second) if pair.target > 0.5 else (pair.second, pair.first)  # noqa: PLR2004
            )
            length = len(one.answers[ahead]) - len(one.answers[behind])
            rows.append((given[ahead] - given[behind], (length > 0) - (length < 0), code))
    apart, longer, prompts = zip(*rows, strict=True) if rows else ((), (), ())
    return Contests(
        apart=np.array(apart, dtype=float),
        longer=np.array(longer, dtype=float),
        prompts=np.array(prompts, dtype=np.int64),
    )


def longer_wins(rankings: Sequence[Ranked]) -> bool:
    """Whether raters more often preferred the longer of two answers: all that a length-only model learns."""
    found = contests(rankings, [[0.0] * len(one.answers) for one in rankings])
    return bool(found.longer.sum() >= 0)


def right(apart: Array) -> Array:
    """Return 1 where the answer ahead has more reward, 0 where it has less, ½ where it has as much."""
    return 0.5 + np.sign(apart) / 2


def mean_and_reach(values: Array, clusters: Array) -> tuple[float, float]:
    """Return the mean of ``values`` and how far its 95 % interval reaches, values of one cluster depending on one another.

    The variance is the cluster-robust one of a mean (Liang and Zeger 1986) with G / (G - 1), the quantile Student's t with G - 1
    degrees; for one cluster nothing can be said, and the reach is 1.
    """
    mean = float(values.mean())
    sums = np.bincount(clusters, weights=values - mean)
    groups = len(sums)
    if groups < 2:  # noqa: PLR2004
        return mean, 1.0
    from rostra.feedback.statistics.distributions import reach

    variance = float((sums**2).sum()) / len(values) ** 2 * groups / (groups - 1)
    return mean, reach(groups) * variance**0.5


def share_bounds(mean: float, wide: float, groups: int) -> tuple[float, float]:
    """Return the bounds of a share whose interval reaches ``wide``, within 0 and 1.

    Where all ``groups`` are the same, which a variance would call certain, they are those of a share that as many show (Bayes,
    with nothing known before).
    """
    if wide > ROUNDING and groups > 1:
        return max(0.0, mean - wide), min(1.0, mean + wide)
    from rostra.feedback.statistics.distributions import beta_interval

    low, high = beta_interval(groups * mean, groups * (1 - mean))
    return min(low, mean), max(high, mean)  # a Bayesian interval need not hold the share itself


def calibration(apart: Array) -> tuple[float, float]:
    """Return the expected calibration error of sigmoid(apart), and the slope that would calibrate it best.

    The error is the mean difference, over bins of confidence, between confidence and how often it is right (Naeini et al.
    2015; Guo et al. 2017). A slope below 1 says that rewards lie too far apart: the model is too sure.
    """
    sure = 1 / (1 + np.exp(-np.abs(apart)))
    bins = np.minimum(((sure - 0.5) * 2 * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=right(apart) - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(apart)), _slope(apart)


def _slope(apart: Array) -> float:
    """Return s that minimises the mean of -log sigmoid(s times apart), a little held back where all are right."""
    scale = float(np.abs(apart).mean()) or 1.0
    unit, slope = apart / scale, 1.0
    for _ in range(50):
        likely = 1 / (1 + np.exp(-np.clip(slope * unit, -30, 30)))
        gradient = -(unit * (1 - likely)).mean() + 1e-3 * slope
        slope -= float(gradient / ((unit**2 * likely * (1 - likely)).mean() + 1e-3))
    return slope / scale


def figures(
    rankings: Sequence[Ranked], rewards: Sequence[Sequence[float]], *, longer: bool
) -> Mapping[str, float]:
    """Return the figures by name; none where no pair is decided.

    ``accuracy`` with its interval over questions; ``length_accuracy`` of the rule learnt in training that the ``longer`` (or
    the shorter) answer is better; ``over_length`` is how much better the rewards are, with its interval over the same
    questions; accuracy where the better answer is the longer one, and where it is the shorter one.
    """
    found = contests(rankings, rewards)
    if not len(found.apart):
        return {}
    good, by_length = right(found.apart), right(found.longer if longer else -found.longer)
    accuracy, wide = mean_and_reach(good, found.prompts)
    prompts = int(found.prompts.max()) + 1
    low, high = share_bounds(accuracy, wide, prompts)
    over, over_wide = mean_and_reach(good - by_length, found.prompts)
    error, slope = calibration(found.apart)
    facts = {
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "length_accuracy": float(by_length.mean()),
        "over_length": over,
        "over_length_low": over - over_wide,
        "over_length_high": over + over_wide,
        "calibration_error": error,
        "calibration_slope": slope,
        "pairs": float(len(good)),
        "prompts": float(prompts),
    }
    for name, sign in (("longer", 1), ("shorter", -1)):
        if (found.longer == sign).any():
            facts[f"accuracy_{name}"] = float(good[found.longer == sign].mean())
    return facts
