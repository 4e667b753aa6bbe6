"""What an evaluation found, and how sure it is: means with 95 % intervals in which a question counts once, not its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .reward_figures import mean_and_reach, share_bounds

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    def named(self, name: str) -> dict[str, float]:
        """Return it as figures: the name, and with ``_low`` and ``_high`` where it has bounds."""
        bounds = {f"{name}_low": self.low, f"{name}_high": self.high} if np.isfinite(self.low) else {}
        return {name: self.mean, **bounds}

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def mean_of(values: Sequence[float], clusters: Sequence[int] | None = None) -> Interval:
    """Return the mean of ``values`` with the cluster-robust interval of `mean_and_reach`; each is its own cluster unless said.

    One cluster says nothing of how sure the mean is: the interval is then without bounds.
    """
    given = np.array(values, dtype=float)
    groups = (
        np.arange(len(given)) if clusters is None else np.unique(np.array(clusters), return_inverse=True)[1]
    )
    if len(set(groups.tolist())) < 2:  # noqa: PLR2004  nothing varies
        return Interval(mean=float(given.mean()), low=-np.inf, high=np.inf)
    mean, wide = mean_and_reach(given, groups)
    return Interval(mean=mean, low=mean - wide, high=mean + wide)


def share_of(values: Sequence[float], clusters: Sequence[int] | None = None) -> Interval:
    """Return the mean of ``values`` between 0 and 1 with an interval within these, as `share_bounds` has it."""
    found = mean_of(values, clusters)
    groups = len(set(clusters)) if clusters is not None else len(values)
    low, high = share_bounds(found.mean, found.high - found.mean, groups)
    return Interval(mean=found.mean, low=low, high=high)


def ratio_of(sums: Sequence[float], counts: Sequence[float]) -> Interval:
    """Return the sum of ``sums`` over that of ``counts``, one of each a cluster: the loss of a token, for example.

    The variance is the linearised one of a ratio, which for whole tokens is the cluster-robust one of their mean.
    """
    over, under = np.array(sums, dtype=float), np.array(counts, dtype=float)
    mean = float(over.sum() / under.sum())
    groups = len(over)
    if groups < 2:  # noqa: PLR2004  nothing varies
        return Interval(mean=mean, low=-np.inf, high=np.inf)
    from rostra.feedback.statistics.distributions import reach

    rest = over - mean * under
    variance = float((rest**2).sum()) / float(under.sum()) ** 2 * groups / (groups - 1)
    wide = reach(groups) * variance**0.5
    return Interval(mean=mean, low=mean - wide, high=mean + wide)
