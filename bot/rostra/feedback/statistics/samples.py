"""How many ballots a question needs, when it is looked at once, at the end."""

from __future__ import annotations

import math
from statistics import NormalDist

EVEN = 0.5


def design_effect(per_cluster: float, correlation: float) -> float:
    """Return by how much ballots must be multiplied when ``per_cluster`` of them share a prompt and correlate (Kish, 1965).

    Raises `ValueError`.
    """
    if per_cluster < 1 or not 0 <= correlation <= 1:
        raise ValueError(
            f"{per_cluster!r} ballots a prompt with a correlation of {correlation!r}: at least 1, and 0 to 1, would do"
        )
    return 1 + (per_cluster - 1) * correlation


def ballots_needed(
    rate: float,
    *,
    error: float = 0.05,
    power: float = 0.8,
    per_cluster: float = 1,
    correlation: float = 0,
    ties: float = 0,
) -> int:
    """Return the ballots on two answers that tell a win rate of ``rate`` from one half, with a two-sided test at the end.

    ``error`` is the probability to see a difference that is not there, ``power`` that to see one of this size. Ballots that tie,
    a share ``ties``, say nothing; ``rate`` is among the others. Looking before the end needs `rostra.feedback.statistics.evidence`.
    Raises `ValueError`.
    """
    _check(error=error, power=power)
    if not 0 < rate < 1 or rate == EVEN:
        raise ValueError(f"a win rate of {rate!r} cannot be told from 0.5; write one such as 0.55")
    if not 0 <= ties < 1:
        raise ValueError(f"a share of ties of {ties!r} is none; write one from 0 to below 1")
    normal = NormalDist()
    sure, seen = normal.inv_cdf(1 - error / 2), normal.inv_cdf(power)
    pairs = ((sure / 2 + seen * math.sqrt(rate * (1 - rate))) / (rate - EVEN)) ** 2
    return math.ceil(pairs * design_effect(per_cluster, correlation) / (1 - ties))


def least_rate(
    ballots: int, *, error: float = 0.05, power: float = 0.8, per_cluster: float = 1, correlation: float = 0
) -> float:
    """Return the smallest win rate above one half that ``ballots`` tell from it (nearly 1 where they tell nothing)."""
    low, high = EVEN, 1 - 1e-9
    for _ in range(50):
        rate = (low + high) / 2
        need = ballots_needed(
            rate, error=error, power=power, per_cluster=per_cluster, correlation=correlation
        )
        low, high = (low, rate) if need <= ballots else (rate, high)
    return high


def _check(**shares: float) -> None:
    for name, value in shares.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} is a share between 0 and 1, not {value!r}")
