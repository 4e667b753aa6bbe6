"""What is done with the numbers of one token by itself: norms, turning, rounding, gates."""

from __future__ import annotations

from math import sqrt

from .lanes import (
    first,
    fma,
    larger,
    largest,
    load,
    load_one,
    load_pairs,
    power,
    size,
    smaller,
    splat,
    store,
    store_integers,
    total,
    whole,
)
from .native import LANES, Lanes, compiled

STEP = 4 * LANES
"""Bytes of as many numbers as are computed with at once."""

_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.44269504088896341, 0.693359375, -2.12194440e-4
_LEAST, _MOST = -60.0, 88.0


@compiled
def exponential(x: Lanes) -> Lanes:
    """Return e to the power of numbers; below -60 and above 88 what it is there.

    ``2^n * e^r``, the latter by a polynomial (``expf`` of the Cephes library, https://www.netlib.org/cephes): right to
    some units of the last place.
    """
    inside = larger(smaller(x, splat(_MOST)), splat(_LEAST))
    n = whole(inside * splat(_LOG2_E))
    r = fma(n, splat(-_LN2_LOW), fma(n, splat(-_LN2_HIGH), inside))
    p = fma(splat(1.9875691500e-4), r, splat(1.3981999507e-3))
    p = fma(p, r, splat(8.3334519073e-3))
    p = fma(p, r, splat(4.1665795894e-2))
    p = fma(p, r, splat(1.6666665459e-1))
    p = fma(p, r, splat(5.0000001201e-1))
    return fma(p, r * r, r + splat(1.0)) * power(n)


@compiled
def looked_up(weights: int, scales: int, token: int, width: int, out: int) -> None:
    """Write the row of ``token`` out of packed weights."""
    scale = splat(load_one(scales + 4 * token))
    start = weights + token // LANES * LANES * width + token % LANES * 2
    for at in range(0, width, LANES):
        store(out + 4 * at, load_pairs(start + at * LANES, 2 * LANES) * scale)


@compiled
def weighed(x: int, weight: int, width: int, out: int) -> float:
    """Write the numbers of a row, each times its weight. Return the sum of the squares of the numbers."""
    squares = splat(0.0)
    for at in range(0, 4 * width, STEP):
        numbers = load(x + at)
        squares = fma(numbers, numbers, squares)
        store(out + at, numbers * load(weight + at))
    return total(squares)


@compiled
def rounded(x: int, width: int, out: int) -> float:
    """Write a row as integers of 16 bits. Return what a 1 is worth.

    They go as far from 0 as they can without a sum of their products with 8-bit weights leaving 32 bits.
    """
    levels = min(32767, (2**31 - 1) // (127 * width))
    tops = splat(0.0)
    for at in range(0, 4 * width, STEP):
        tops = larger(tops, size(load(x + at)))
    top = max(largest(tops), 1e-30)
    factor = splat(levels / top)
    for at in range(0, width, LANES):
        store_integers(out + 2 * at, whole(load(x + 4 * at) * factor))
    return top / levels


@compiled
def gated(gates: int, ups: int, inner: int, out: int) -> None:
    """Write ``silu(gate) * up`` (SwiGLU, https://arxiv.org/abs/2002.05202)."""
    one, nothing = splat(1.0), splat(0.0)
    for at in range(0, 4 * inner, STEP):
        gate = load(gates + at)
        store(out + at, gate / (one + exponential(nothing - gate)) * load(ups + at))


@compiled
def normed(x: int, weight: int, head: int, true: int, epsilon: float) -> None:
    """Norm the numbers of one head in place; ``true`` of them are not padding."""
    squares = splat(0.0)
    for at in range(0, 4 * head, STEP):
        numbers = load(x + at)
        squares = fma(numbers, numbers, squares)
    factor = splat(1.0 / sqrt(total(squares) / true + epsilon))
    for at in range(0, 4 * head, STEP):
        store(x + at, load(x + at) * factor * load(weight + at))


@compiled
def turned(x: int, angles: int, head: int, factor: float) -> None:
    """Turn the pairs of a head in place (https://arxiv.org/abs/2104.09864) and multiply them with ``factor``.

    The first numbers of all pairs stand before the second ones; ``angles`` are cosines before sines.
    """
    half, times = 2 * head, splat(factor)
    for at in range(0, half, STEP):
        one, other = load(x + at) * times, load(x + half + at) * times
        cosine, sine = load(angles + at), load(angles + half + at)
        store(x + at, one * cosine - other * sine)
        store(x + half + at, other * cosine + one * sine)


@compiled
def odds(scores: int, length: int, longest: int) -> float:
    """Make odds of the first ``length`` scores, and nothing of those up to the ``longest``. Return what they sum up to.

    They are not yet divided by that.
    """
    tops = splat(-3e38)
    for at in range(0, length, LANES):
        tops = larger(tops, first(load(scores + 4 * at), length - at, -3e38))
    top, summed = splat(largest(tops)), splat(0.0)
    for at in range(0, longest, LANES):
        found = first(exponential(load(scores + 4 * at) - top), length - at, 0.0)
        store(scores + 4 * at, found)
        summed = summed + found
    return total(summed)
