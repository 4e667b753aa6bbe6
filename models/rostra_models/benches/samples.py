"""What was measured of a contender, and how figures come of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One round: ``conversations`` asked at once, each answered with ``tokens``.

    ``cpu`` and ``wall`` are seconds for the whole answers, from the questions' arrival on. ``first`` is the processor's
    seconds for the first token of each, None where that is not measured; ``peak_mb`` the process's memory.
    """

    conversations: int
    tokens: int
    cpu: float
    wall: float
    first: float | None
    peak_mb: float

    @property
    def rate(self) -> float:
        """Tokens a second of the processor, prompts included."""
        return self.conversations * self.tokens / self.cpu

    @property
    def wall_rate(self) -> float:
        """Tokens a second of the clock, prompts included."""
        return self.conversations * self.tokens / self.wall


def middle(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """Return the median."""
    return statistics.median(of(sample) for sample in samples)


def first_ms(samples: Sequence[Sample]) -> float | None:
    """Return the median time to the first token of all conversations, None where it was not measured."""
    times = [sample.first for sample in samples if sample.first is not None]
    return statistics.median(times) * 1000 if times else None


def decode_rate(samples: Sequence[Sample]) -> float | None:
    """Return tokens a second of the processor after the first of each conversation.

    None where it is not measured, or where the answers took no longer than their first tokens: noise.
    """
    first = first_ms(samples)
    if first is None:
        return None
    seconds = middle(samples, lambda sample: sample.cpu) - first / 1000
    made = samples[0].conversations * (samples[0].tokens - 1)
    return made / seconds if seconds > 0 and made else None


def ratio(ours: Sequence[Sample], theirs: Sequence[Sample]) -> float:
    """Return how many times more tokens a second ours makes: the median over rounds measured side by side."""
    return statistics.median(one.rate / other.rate for one, other in zip(ours, theirs, strict=False))


def growth(costs: Sequence[float]) -> float:
    """Return how many times more a thing costs, at worst, than it did in any case before it."""
    lowest = costs[0]
    worst = 1.0
    for cost in costs:
        lowest = min(lowest, cost)
        worst = max(worst, cost / lowest)
    return worst
