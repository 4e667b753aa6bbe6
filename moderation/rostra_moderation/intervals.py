"""How sure a share is that was counted: exact intervals for a binomial proportion, with no library for statistics."""

from __future__ import annotations

import math

MOST_STEPS = 300
TINY = 1e-300
CLOSE = 1e-15


def clopper_pearson(hits: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval for a share of which ``hits`` out of ``of`` were seen (Clopper and Pearson 1934).

    The upper end also bounds the share of new harmless texts that score above the (``hits`` + 1)-th highest of ``of``
    harmless ones: that share is distributed as Beta(``hits`` + 1, ``of`` - ``hits``), whatever the scores are. So it
    holds although the threshold was picked with the same lines. Without any lines nothing is known: 0 to 1.
    """
    if not 0 <= hits <= of:
        raise ValueError(f"{hits!r} of {of!r} is no share")
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else beta_quantile(tail, hits, of - hits + 1)
    high = 1.0 if hits == of else beta_quantile(1 - tail, hits + 1, of - hits)
    return low, high


def beta_quantile(share: float, a: float, b: float) -> float:
    """Return x with P(X ≤ x) = ``share`` for X distributed as Beta(``a``, ``b``), by bisection."""
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(``a``, ``b``).

    By the continued fraction of DLMF 8.17.22 with Lentz's method, which converges fast for x < (a+1)/(a+b+2); beyond,
    by I_x(a, b) = 1 - I_{1-x}(b, a).
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logarithm) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, MOST_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _off_zero(1 + term * d)
            c = _off_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < CLOSE:
            break
    return value


def _off_zero(number: float) -> float:
    return number if abs(number) > TINY else TINY
