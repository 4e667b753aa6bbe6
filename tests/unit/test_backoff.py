"""How long is waited before a call is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from rostra.backoff import LONGEST_AWAY, delay, retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 12 ", 12.0),
        ("1.5", 1.5),
        ("999999999", LONGEST_AWAY),
        (format_datetime(NOW + timedelta(seconds=7), usegmt=True), 7.0),
        (format_datetime(NOW - timedelta(seconds=7), usegmt=True), 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_AWAY),
        ("Thu, 01 Jan 2026 00:00:07", None),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("1e9", None),
        ("\u0661", None),
        ("9" * 5000, None),
    ],
)
def test_seconds_and_dates_are_understood_and_nothing_else(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_the_wait_doubles_up_to_a_limit_and_is_drawn_from_all_of_it() -> None:
    for attempt, most in enumerate([0.2, 0.4, 0.8, 1.6, 2.0, 2.0]):
        drawn = [delay(attempt) for _ in range(200)]
        assert 0 <= min(drawn) < most / 4
        assert most * 3 / 4 < max(drawn) <= most
    assert delay(10_000) <= 2.0
