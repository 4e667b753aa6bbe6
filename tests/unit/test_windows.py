from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from rostra.windows import Window, begin_of, end_of, left, window_called

NOW = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "begin", "end"),
    [
        ("hour", datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("day", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("week", datetime(2026, 12, 28, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC)),
        ("month", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_windows_are_those_of_the_calendar(window: Window, begin: datetime, end: datetime) -> None:
    assert (begin_of(window, NOW), end_of(window, NOW)) == (begin, end)
    assert begin_of(window, end) == end
    assert begin_of(window, begin) == begin


def test_windows_are_those_of_utc_wherever_the_clock_stands() -> None:
    elsewhere = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert begin_of("month", elsewhere) == datetime(2026, 2, 1, tzinfo=UTC)
    assert end_of("month", elsewhere) == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("month", range(1, 13))
def test_a_month_ends_when_the_next_begins(month: int) -> None:
    end = end_of("month", datetime(2028, month, 28, tzinfo=UTC))
    assert end == begin_of("month", end)
    assert end.month == month % 12 + 1


def test_a_window_of_another_name_is_none() -> None:
    assert window_called("week") == "week"
    with pytest.raises(ValueError, match=r"'year' is no window; there are: hour, day, week, month"):
        window_called("year")


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.2, "1 minute"),
        (59, "59 minutes"),
        (119, "119 minutes"),
        (121, "3 hours"),
        (40 * 60, "40 hours"),
        (3 * 24 * 60, "3 days"),
        (3 * 24 * 60 + 1, "4 days"),
    ],
)
def test_how_long_something_takes_is_never_said_to_be_shorter(minutes: float, words: str) -> None:
    assert left(NOW + timedelta(minutes=minutes), NOW) == words
