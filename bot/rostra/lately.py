"""What happened within the last hour, counted by the minute."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

MINUTES = 60


@dataclass(slots=True, eq=False)
class Lately:
    """Counts by adapter and by what happened; moments are `rostra.clock.Clock.monotonic`'s seconds, which never go back."""

    _minutes: deque[tuple[int, Counter[tuple[str, str]]]] = field(
        default_factory=lambda: deque[tuple[int, Counter[tuple[str, str]]]](maxlen=MINUTES)
    )

    def add(self, at: float, adapter: str, what: str, many: int = 1) -> None:
        """Count ``what``, which happened now, ``many`` times."""
        minute = int(at // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, Counter()))
        self._minutes[-1][1][adapter, what] += many

    def counts(self, at: float) -> Mapping[tuple[str, str], int]:
        """Return how often what happened on which adapter in the sixty minutes up to ``at``."""
        first = int(at // 60) - MINUTES + 1
        total: Counter[tuple[str, str]] = Counter()
        for minute, counted in self._minutes:
            if minute >= first:
                total.update(counted)
        return total
