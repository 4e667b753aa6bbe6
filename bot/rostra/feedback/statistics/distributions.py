"""Quantiles and tails that intervals are made of, from scipy.special, which takes a tenth of scipy.stats' time to import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]


def foreign(name: str) -> Any:
    """Return a module of a library that says nothing of its types."""
    return import_module(name)


def reach(clusters: int, sure: float = 0.95) -> float:
    """Return how many standard errors from ``clusters`` independent groups an interval reaches to each side (Student's t)."""
    return float(foreign("scipy.special").stdtrit(max(clusters - 1, 1), (1 + sure) / 2))


def beta_interval(good: float, bad: float, sure: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share of which nothing was known before (0 to 1 where there is nothing)."""
    if good + bad == 0:
        return 0.0, 1.0
    special = foreign("scipy.special")
    low, high = (1 - sure) / 2, (1 + sure) / 2
    return float(special.betaincinv(1 + good, 1 + bad, low)), float(
        special.betaincinv(1 + good, 1 + bad, high)
    )


def at_least(hits: int, tries: int, share: float) -> float:
    """Return how probable ``hits`` or more of ``tries`` are, each with probability ``share``."""
    return float(foreign("scipy.special").bdtrc(hits - 1, tries, share)) if hits else 1.0


def chances(tries: int, share: float) -> Array:
    """Return how probable 0, 1, … ``tries`` hits are."""
    import numpy as np

    special = foreign("scipy.special")
    hits = np.arange(tries + 1)
    ways = special.gammaln(tries + 1) - special.gammaln(hits + 1) - special.gammaln(tries - hits + 1)
    likely: Array = np.exp(ways + special.xlogy(hits, share) + special.xlog1py(tries - hits, -share))
    return likely


def chi2_tail(value: float, freedom: int) -> float:
    """Return how probable a sum of ``freedom`` squares of ``value`` or more is."""
    return float(foreign("scipy.special").chdtrc(freedom, value))
