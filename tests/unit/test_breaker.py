"""The circuit breaker, moment by moment."""

from __future__ import annotations

import pytest

from rostra.breaker import Breaker, State


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(failures=3, seconds=30)
    for _ in range(3):
        assert breaker.allow(at)
        breaker.failed(at)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_no_sooner() -> None:
    breaker = Breaker(failures=3, seconds=30)
    for _ in range(2):
        breaker.failed(0)
    assert breaker.allow(0)
    breaker.succeeded()
    for _ in range(2):
        breaker.failed(1)
    assert breaker.state(1) is State.CLOSED
    breaker.failed(1)
    assert breaker.state(1) is State.OPEN
    assert not breaker.allow(30.9)
    assert breaker.wait(30.9) == pytest.approx(0.1)


def test_after_its_time_it_lets_one_call_through_which_decides() -> None:
    breaker = opened()
    assert breaker.state(30) is State.HALF_OPEN
    assert breaker.allow(30)
    assert not breaker.allow(30)
    breaker.succeeded()
    assert breaker.state(30) is State.CLOSED
    assert breaker.allow(30)


def test_a_probe_that_fails_opens_it_again_for_as_long() -> None:
    breaker = opened()
    assert breaker.allow(30)
    breaker.failed(31)
    assert not breaker.allow(60.9)
    assert breaker.allow(61)


def test_a_probe_that_nobody_waits_for_leaves_room_for_another() -> None:
    breaker = opened()
    assert breaker.allow(30)
    breaker.abandoned()
    assert breaker.allow(30)


def test_a_service_that_asks_to_be_left_alone_is_left_alone_at_once() -> None:
    breaker = Breaker(failures=3, seconds=30)
    breaker.failed(0, stay_away=12)
    assert not breaker.allow(11.9)
    assert breaker.allow(12)


def test_a_short_wish_does_not_shorten_what_many_failures_have_earned() -> None:
    breaker = Breaker(failures=1, seconds=30)
    breaker.failed(0, stay_away=1)
    assert not breaker.allow(29)


def test_after_success_the_failures_are_counted_anew() -> None:
    breaker = opened()
    assert breaker.allow(30)
    breaker.succeeded()
    breaker.failed(31)
    assert breaker.allow(31)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 30), (3, 0)])
def test_limits_that_cannot_be_are_refused(failures: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="at least 1 failure"):
        Breaker(failures=failures, seconds=seconds)


@pytest.mark.parametrize(("waited", "state"), [(4.9, State.CLOSED), (5.0, State.OPEN)])
def test_a_call_that_was_given_up_is_a_failure_if_it_had_half_its_time(waited: float, state: State) -> None:
    breaker = Breaker(failures=1, seconds=30)
    assert breaker.allow(0)
    breaker.given_up(waited, waited=waited, patience=10)
    assert breaker.state(waited) is state
