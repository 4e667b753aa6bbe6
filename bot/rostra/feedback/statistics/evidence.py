"""Whether a candidate is better than what is in service, told at any time and as often as one likes without more false alarms.

Both answer inside one task. If they are the same, exchanging their labels changes nothing, whoever rates and whatever is asked:
so what a task says about them is as often for one as for the other, and a bet on it wins nothing in the long run. How much a bet
has won is the evidence (an e-process): that it ever reaches 1/alpha has a probability of alpha at most (Ville, 1939).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..judged import Judged, compared
from .agreement import rankings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Decision: TypeAlias = Literal["promote", "keep", "more"]

STAKES = (0.04, 0.08, 0.16, 0.32, 0.64)
"""The parts of what there is that are bet, each way; the evidence is the mean over all of them.

Small ones find small differences: eight evenly from 0.05 to 0.8 take half as many tasks again for a win rate of 0.55.
"""

BISECTIONS = 12
ENDLESS = 1_000_000
EVEN = 0.5


def log_e_beta(wins: int, ballots: int, a: float = 20.0) -> float:
    """Return the logarithm of the evidence in ``wins`` of ``ballots`` with two outcomes against a win rate of one half.

    The ratio of likelihoods of a mixture of win rates, Beta(a, a), and one half; ``a`` of 20 suits rates from 0.4 to 0.6. Raises `ValueError`.
    """
    if not 0 <= wins <= ballots or a <= 0:
        raise ValueError(f"{wins!r} wins of {ballots!r} ballots cannot be")
    won = math.lgamma(a + wins) + math.lgamma(a + ballots - wins) - math.lgamma(2 * a + ballots)
    return won - 2 * math.lgamma(a) + math.lgamma(2 * a) + ballots * math.log(2)


def log_e_bet(outcomes: Sequence[float]) -> float:
    """Return the logarithm of the evidence in ``outcomes`` against both being the same.

    An outcome is wins minus losses over the cross pairs of one task, from -1 to 1: ties and several answers need nothing more.
    Raises `ValueError`.
    """
    path = _path(outcomes)
    return float(path[-1]) if len(path) else 0.0


def _path(outcomes: Sequence[float], mean: float = 0.0) -> Array:
    """Return the logarithm of the evidence against ``mean`` after each outcome."""
    import numpy as np

    said = np.asarray(outcomes, dtype=float)
    if len(said) and not np.all(np.abs(said) <= 1):
        raise ValueError("an outcome is a number from -1 to 1")
    # against a mean other than 0 the stakes shrink so that no outcome costs more than there is
    stakes = np.array([*(stake / (1 + mean) for stake in STAKES), *(-stake / (1 - mean) for stake in STAKES)])
    won = np.cumsum(np.log1p(np.outer(said - mean, stakes)), axis=0)
    path: Array = np.logaddexp.reduce(won, axis=1) - math.log(len(stakes))
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What ``tasks`` say about a candidate against what is in service.

    ``win_rate`` is the share of cross pairs that the candidate won, a tie half, mean over tasks; ``low`` and ``high`` hold
    whenever they are looked at, all times together with a probability of 1 - alpha, if the rate stays the same; one half is outside from
    the moment on at which the evidence sufficed. ``log_e`` is the logarithm of
    the evidence now, ``highest`` of the most there was; ``decided_at`` is the task at which it sufficed, 0 if it never did.
    """

    tasks: int
    win_rate: float
    low: float
    high: float
    log_e: float
    highest: float
    decided_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What to do. ``more`` is how many tasks more a decision is expected to take, None where that cannot be said. ``reason`` is a sentence."""

    decision: Decision
    live: str
    candidate: str
    evidence: Evidence
    more: int | None
    reason: str


def outcomes(judged: Iterable[Judged], live: str, candidate: str, *, overlap: int = 1) -> list[float]:
    """Return for each batch, as it was completed, what its first ``overlap`` judgments say of ``candidate`` against ``live``.

    Raters of the same answers are not independent, so that each batch is one outcome: their mean. A batch with fewer judgments
    waits; later ones are left out, or stopping in between would be cheating.
    """
    found: dict[str, list[float]] = defaultdict(list)
    done: list[float] = []
    for one in sorted(rankings(judged), key=lambda each: (each.at, each.judgment)):
        said = _cross(one, live, candidate)
        batch = found[one.batch or one.task]
        if said is None or one.gold or len(batch) == overlap:
            continue
        batch.append(said)
        if len(batch) == overlap:
            done.append(sum(batch) / overlap)
    return done


def _cross(judged: Judged, live: str, candidate: str) -> float | None:
    won = met = 0
    for better, worse, gap in compared(judged):
        sides = judged.answerers[better], judged.answerers[worse]
        if set(sides) == {live, candidate}:
            met += 1
            won += 0 if not gap else 1 if sides[0] == candidate else -1
    return won / met if met else None


def evidence(said: Sequence[float], *, alpha: float = 0.05) -> Evidence:
    """Return what outcomes say. Raises `ValueError` for an outcome beyond 1 or an ``alpha`` that is no share."""
    import numpy as np

    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a share between 0 and 1, not {alpha!r}")
    path = _path(said)
    if not len(path):
        return Evidence(tasks=0, win_rate=0.5, low=0.0, high=1.0, log_e=0.0, highest=0.0, decided_at=0)
    enough = np.flatnonzero(path >= -math.log(alpha))
    low, high = _interval(said, alpha)
    return Evidence(
        tasks=len(said),
        win_rate=(1 + sum(said) / len(said)) / 2,
        low=(1 + low) / 2,
        high=(1 + high) / 2,
        log_e=float(path[-1]),
        highest=float(path.max()),
        decided_at=int(enough[0]) + 1 if len(enough) else 0,
    )


def _interval(said: Sequence[float], alpha: float) -> tuple[float, float]:
    """Return the ends of the means against which there never was enough evidence (Waudby-Smith and Ramdas, 2024)."""
    middle = sum(said) / len(said)
    ends: list[float] = []
    for end in (-1.0, 1.0):
        out, inside = end * (1 - 1e-9), middle
        for _ in range(BISECTIONS):
            mean = (out + inside) / 2
            ruled_out = float(_path(said, mean).max()) >= -math.log(alpha)
            out, inside = (mean, inside) if ruled_out else (out, mean)
        ends.append(out)
    return ends[0], ends[1]


def tasks_to_go(said: Sequence[float], *, alpha: float = 0.05) -> int | None:
    """Return how many tasks more the evidence takes if they are like those so far; None where these show no difference."""
    import numpy as np

    if not said:
        return None
    counted = Counter(said)
    values, times = np.array(list(counted)), np.array(list(counted.values()))
    stakes = np.array([*STAKES, *(-stake for stake in STAKES)])
    growth = float((times @ np.log1p(np.outer(values, stakes))).max()) / len(said)
    if growth <= 0:
        return None
    needed = math.ceil((math.log(len(stakes)) - math.log(alpha)) / growth)
    more = max(needed - len(said), 1)
    return more if more < ENDLESS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When to decide. ``alpha`` is the probability to decide where there is no difference.

    ``overlap`` is how many judgments a batch gets. After ``most`` tasks without a decision what is in service is kept (0: never).
    ``gain`` is the smallest difference to a win rate of one half that is worth a change.
    """

    alpha: float = 0.05
    overlap: int = 1
    most: int = 0
    gain: float = 0.0


def recommend(
    judged: Iterable[Judged], live: str, candidate: str, rule: Rule | None = None
) -> Recommendation:
    """Return whether to put ``candidate`` in the place of ``live``; ask as often as you like. Raises `ValueError`."""
    rule = rule or Rule()
    said = outcomes(judged, live, candidate, overlap=rule.overlap)
    found = evidence(said, alpha=rule.alpha)
    decision, reason = _decided(said, found, rule)
    more = tasks_to_go(said, alpha=rule.alpha) if decision == "more" else 0
    if decision == "more" and rule.most and more is not None:
        more = min(more, rule.most - len(said))
    return Recommendation(
        decision=decision, live=live, candidate=candidate, evidence=found, more=more, reason=reason
    )


def _odds(logarithm: float) -> str:
    """Return odds as people read them.

    >>> _odds(math.log(34.26)), _odds(math.log(1963)), _odds(99)
    ('34.3 to 1', '1,963 to 1', 'more than a million to 1')
    """
    if logarithm > math.log(1e6):
        return "more than a million to 1"
    odds = math.exp(logarithm)
    return f"{odds:,.0f} to 1" if odds >= 100 else f"{odds:.3g} to 1"  # noqa: PLR2004  three digits


def _decided(said: Sequence[float], found: Evidence, rule: Rule) -> tuple[Decision, str]:
    if found.decided_at:
        better = sum(said[: found.decided_at]) > 0
        odds = f"evidence of {_odds(found.highest)} after {found.decided_at} tasks"
        if better and found.high >= EVEN + rule.gain:
            return "promote", f"the candidate is better: {odds}"
        return "keep", f"the candidate is {'hardly better' if better else 'worse'}: {odds}"
    if rule.gain and found.tasks and found.high < EVEN + rule.gain:
        return "keep", f"a win rate of {EVEN + rule.gain:.2f} or more is ruled out"
    if rule.most and found.tasks >= rule.most:
        return "keep", f"{found.tasks} tasks showed no difference"
    return "more", "nothing is decided yet"
