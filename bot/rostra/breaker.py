"""A circuit breaker: after some failures in a row a service is left alone for a while, then tried with one call. Pure.

Source: M. Nygard, "Release It!" (2nd edition, 2018), chapter 5.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """What a `Breaker` does with calls."""

    CLOSED = "closed"
    """They go through."""
    OPEN = "open"
    """They are refused at once."""
    HALF_OPEN = "half-open"
    """One goes through, and what becomes of it decides for the others."""


class Breaker:
    """Says whether to call. It knows no clock: ``now`` is seconds from any fixed start, and never goes back.

    ::

        closed ──`failures` in a row, or a request to stay away──► open
        open ──`seconds` later, or when the service said──► half-open
        half-open ──success──► closed          half-open ──failure──► open

    Each call that was allowed must be reported once: as `succeeded`, `failed` or, if nobody knows,
    `abandoned`; `given_up` is one of these two.
    """

    def __init__(self, *, failures: int = 5, seconds: float = 30.0) -> None:
        """Refuse, with `ValueError`, limits that cannot be."""
        if failures < 1 or seconds <= 0:
            raise ValueError(
                f"a breaker needs at least 1 failure, not {failures!r}, and time, not {seconds!r} s"
            )
        self._most = failures
        self._seconds = seconds
        self._failures = 0
        self._until: float | None = None
        self._probing = False

    def state(self, now: float) -> State:
        """Return what it does at ``now``."""
        if self._until is None:
            return State.CLOSED
        return State.OPEN if now < self._until or self._probing else State.HALF_OPEN

    def allow(self, now: float) -> bool:
        """Return whether to call; half-open, only the first who asks gets a yes."""
        state = self.state(now)
        if state is State.HALF_OPEN:
            self._probing = True
        return state is not State.OPEN

    def wait(self, now: float) -> float:
        """Return the seconds until it may say yes."""
        return max(0.0, self._until - now) if self._until is not None else 0.0

    def succeeded(self) -> None:
        """Take note that the service answered."""
        self._failures = 0
        self._until = None
        self._probing = False

    def failed(self, now: float, *, stay_away: float | None = None) -> None:
        """Take note that it did not. ``stay_away``: seconds for which the service itself asked to be left alone."""
        self._failures += 1
        away = stay_away or 0.0
        if self._probing or self._failures >= self._most:
            away = max(away, self._seconds)
        if away:
            self._until = max(now + away, self._until or 0.0)
        self._probing = False

    def given_up(self, now: float, *, waited: float, patience: float) -> None:
        """Take note that nobody waits any more, after ``waited`` seconds: a failure from half of ``patience`` on.

        Whoever asks may be less patient than the settings, and a service that hangs would never count as one.
        """
        if waited >= patience / 2:
            self.failed(now)
        else:
            self.abandoned()

    def abandoned(self) -> None:
        """Take note that nobody will know what became of the call: the next one is the probe."""
        self._probing = False
