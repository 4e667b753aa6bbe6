"""Rate limits: the headers that every answer carries, limits that are kept, and 429s by script.

https://docs.discord.com/developers/topics/rate-limits. discord.py believes a 429 only where a ``Via`` header shows that
Discord itself sent it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...clock import Clock
from .world import Json

PLENTY = 1000
"""Calls that a route takes where no limit was set: enough never to be noticed."""


@dataclass(slots=True, kw_only=True)
class Storm:
    """So many calls more are answered with 429."""

    calls: int
    retry_after: float
    method: str
    route: str
    everywhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    calls: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class Window:
    """The calls of one bucket since ``began``."""

    began: float
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """The answer to a call that came too early."""

    body: Json
    headers: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Throttle:
    """Counts calls by bucket, on the server's clock."""

    clock: Clock
    storms: list[Storm] = field(default_factory=list[Storm])
    limits: dict[tuple[str, str], Limit] = field(default_factory=dict[tuple[str, str], Limit])
    refused: int = 0
    _windows: dict[str, Window] = field(default_factory=dict[str, Window])

    def storm(
        self, calls: int, retry_after: float, *, method: str = "", route: str = "", everywhere: bool = False
    ) -> None:
        """Answer the next ``calls`` calls with 429.

        Only those with ``method`` and with ``route`` in their template, where these are given; ``everywhere`` makes it
        the global limit.
        """
        made = Storm(calls=calls, retry_after=retry_after, method=method, route=route, everywhere=everywhere)
        self.storms.append(made)

    def limit(self, method: str, route: str, *, calls: int, seconds: float) -> None:
        """Keep a limit for a route, by channel or webhook; ``route`` is its template."""
        self.limits[method, route] = Limit(calls=calls, seconds=seconds)

    def take(self, method: str, route: str, major: str) -> tuple[Slow | None, Mapping[str, str]]:
        """Count a call. Return its refusal, if it comes too early, and the headers of its answer."""
        bucket = hashlib.sha256(f"{method} {route}".encode()).hexdigest()[:16]
        for storm in self.storms:
            if storm.calls and storm.method in {"", method} and storm.route in route:
                storm.calls -= 1
                return self._slow(bucket, storm.retry_after, everywhere=storm.everywhere), {}
        limit = self.limits.get((method, route), Limit(calls=PLENTY, seconds=1.0))
        now = self.clock.monotonic()
        window = self._windows.setdefault(f"{bucket}:{major}", Window(began=now))
        if now - window.began >= limit.seconds:
            window.began, window.calls = now, 0
        left = window.began + limit.seconds - now
        if window.calls >= limit.calls and (method, route) in self.limits:
            return self._slow(bucket, left, everywhere=False), {}
        window.calls += 1
        headers = {
            "X-RateLimit-Limit": str(limit.calls),
            "X-RateLimit-Remaining": str(max(0, limit.calls - window.calls)),
            "X-RateLimit-Reset": f"{self.clock.now().timestamp() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": bucket,
        }
        return None, headers if (method, route) in self.limits else _unlimited(headers)

    def _slow(self, bucket: str, retry_after: float, *, everywhere: bool) -> Slow:
        self.refused += 1
        headers = {
            "Retry-After": str(max(1, round(retry_after))),
            "Via": "1.1 google",
            "X-RateLimit-Scope": "global" if everywhere else "user",
        }
        headers |= {"X-RateLimit-Global": "true"} if everywhere else {"X-RateLimit-Bucket": bucket}
        body: Json = {
            "message": "You are being rate limited.",
            "retry_after": retry_after,
            "global": everywhere,
        }
        return Slow(body=body, headers=headers)


def _unlimited(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Say that nearly everything is left: a client that believes its count would else wait before the limit."""
    return {**headers, "X-RateLimit-Remaining": str(PLENTY - 1)}
