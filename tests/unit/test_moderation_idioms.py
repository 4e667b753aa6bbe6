"""Sayings that mean no harm."""

from __future__ import annotations

import time

import pytest

from rostra_moderation.idioms import without


@pytest.mark.parametrize(
    "text",
    [
        "Bite the bullet and call them.",
        "we killed two birds with one stone",
        "I'm dying to know who won",
        "You bombed the exam? So did I.",
        "HIT THE ROAD, Jack",
    ],
)
def test_a_saying_is_taken_out_and_the_rest_stays(text: str) -> None:
    left = without(text)
    assert left != text
    assert "that" in left


@pytest.mark.parametrize(
    "text",
    ["I will kill you", "hit her with the road sign", "she is dying", "there is a bomb in the room", ""],
)
def test_what_is_no_saying_stays_as_it_is(text: str) -> None:
    assert without(text) == text


def test_a_threat_beside_a_saying_is_still_there() -> None:
    assert without("break a leg or I will kill you") == "that or I will kill you"


def test_it_takes_time_linear_in_the_text() -> None:
    text = "kill some time beat a dead shoot the bury " * 5_000
    started = time.process_time()
    without(text)
    assert time.process_time() - started < 5
