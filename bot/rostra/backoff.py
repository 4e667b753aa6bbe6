"""How long to wait before a call to a service is tried again: what the service asks for, or a growing, jittered time."""

from __future__ import annotations

import random
import re
from datetime import datetime
from email.utils import parsedate_to_datetime

LONGEST_AWAY = 300.0
"""Seconds for which a service may ask to be left alone; more is not believed."""

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same call may succeed (RFC 9110 §15; 529: "overloaded", by several services)."""

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


def retry_after(value: str, now: datetime, *, most: float = LONGEST_AWAY) -> float | None:
    """Return what ``Retry-After`` asks for, in seconds from ``now``; None where it says nothing sensible.

    It is a number of seconds or a date (RFC 9110 §10.2.3). More than ``most`` is taken as ``most``.

    >>> from datetime import UTC
    >>> retry_after("1.5", datetime(2026, 1, 1, tzinfo=UTC))
    1.5
    >>> retry_after("Thu, 01 Jan 2026 00:00:07 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    7.0
    """
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), most)
    try:
        seconds = (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), most)


def delay(attempt: int, *, first: float = 0.2, longest: float = 2.0) -> float:
    """Return the seconds to wait after the attempt of this number, from 0: doubling up to ``longest``, with full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    # Full jitter spreads load; it keeps no secret.
    return random.uniform(0, min(longest, first * 2 ** min(attempt, 30)))  # noqa: S311
