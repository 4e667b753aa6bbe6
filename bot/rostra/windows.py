"""Hours, days, weeks and months of the calendar in UTC: when what is counted begins anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, get_args

Window: TypeAlias = Literal["hour", "day", "week", "month"]
WINDOWS: tuple[Window, ...] = get_args(Window)


def begin_of(window: Window, now: datetime) -> datetime:
    """Return when the window began that ``now`` (aware) is in: weeks begin on Monday."""
    at = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    match window:
        case "hour":
            return at
        case "day":
            return at.replace(hour=0)
        case "week":
            return at.replace(hour=0) - timedelta(days=at.weekday())
        case "month":
            return at.replace(day=1, hour=0)


def end_of(window: Window, now: datetime) -> datetime:
    """Return when the window ends that ``now`` (aware) is in."""
    begin = begin_of(window, now)
    match window:
        case "hour":
            return begin + timedelta(hours=1)
        case "day":
            return begin + timedelta(days=1)
        case "week":
            return begin + timedelta(days=7)
        case "month":
            # 31 days after the first is in the next month, whatever the month.
            return (begin + timedelta(days=31)).replace(day=1)


def window_called(text: str) -> Window:
    """Return the window that is called ``text``. Raises `ValueError`."""
    for window in WINDOWS:
        if window == text:
            return window
    raise ValueError(f"{text!r} is no window; there are: {', '.join(WINDOWS)}")


def each(window: Window) -> str:
    """Return ``window`` behind an amount: ``a day``."""
    return f"an {window}" if window == "hour" else f"a {window}"


def left(until: datetime, now: datetime) -> str:
    """Return how long it is until then, in words that are right to an hour or a minute: ``5 hours``."""
    minutes = max(1, -(-(until - now) // timedelta(minutes=1)))
    for size, name in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        # Up to two of them are said in the smaller unit: "30 hours" tells more than "2 days".
        if minutes >= 2 * size or size == 1:
            count = -(-minutes // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    raise AssertionError("a minute is the smallest")
