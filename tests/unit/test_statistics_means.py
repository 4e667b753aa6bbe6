"""Means of points: what is counted, and intervals that hold what is true although raters are strict or mild."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from rostra.feedback.judged import Judged
from rostra.feedback.remarks import Remark
from rostra.feedback.statistics.means import ONE, Mean, means
from rostra.feedback.values import Rating

AT = datetime(2026, 1, 1, tzinfo=UTC)


def judged(number: int, rater: str, prompt: str, *, gold: bool = False, excluded: bool = False) -> Judged:
    return Judged(
        judgment=str(number),
        task=str(number),
        prompt=prompt,
        rater=rater,
        campaign="",
        outcome="ranked",
        candidates=("c", "d"),
        answerers=("hen", ""),
        tiers=(None, None),
        lengths=(1, 1),
        duration_ms=0,
        surface="",
        propensity=None,
        gold=gold,
        at=AT,
        excluded=excluded,
    )


def given(number: int, value: int, candidate: str = "c") -> Remark:
    rating = Rating(candidate=candidate, axis="helpful", value=value, maximum=10)
    return Remark(judgment=str(number), ratings=(rating,))


def only(ballots: Sequence[Judged], remarks: Sequence[Remark]) -> Mean:
    (mean,) = means(ballots, remarks).means
    return mean


def test_the_mean_of_an_answerer_leaves_out_what_does_not_count() -> None:
    ballots = [
        judged(1, "ann", "p"),
        judged(2, "ben", "q"),
        judged(3, "ben", "r", gold=True),
        judged(4, "ben", "s", excluded=True),
        judged(5, "ben", "t"),
        judged(6, "ben", "u"),
    ]
    remarks = [given(1, 4), given(2, 7), given(3, 1), given(4, 1), given(5, 1, candidate="d")]
    found = means(ballots, remarks)
    assert [(one.answerer, one.axis, one.value, one.points) for one in found.means] == [
        ("hen", "helpful", 5.5, 2)
    ]
    assert (found.ballots, found.left_out, found.warnings) == (2, 4, ())


def test_an_interval_does_not_shrink_with_points_of_the_same_rater() -> None:
    few = [judged(number, str(number), str(number)) for number in range(4)]
    many = [judged(number, str(number % 4), str(number)) for number in range(400)]
    wide = [
        only(ballots, [given(number, 3 + 2 * (number % 2)) for number in range(len(ballots))])
        for ballots in (few, many)
    ]
    assert [one.value for one in wide] == [4, 4]
    assert wide[0].low is not None
    assert wide[1].low == pytest.approx(wide[0].low)


def test_nothing_is_said_of_chance_where_nothing_differs() -> None:
    ballots = [judged(1, "ann", "p"), judged(2, "ben", "q")]
    assert only(ballots, [given(1, 4), given(2, 4)]).low is None
    found = means([judged(1, "ann", "p"), judged(2, "ann", "q")], [given(1, 4), given(2, 5)])
    assert found.warnings == (ONE,)


@pytest.mark.slow
def test_the_interval_holds_what_is_true_about_as_often_as_it_says() -> None:
    chance, hits, tries = np.random.default_rng(1), 0, 200
    for _ in range(tries):
        mild, easy = chance.normal(0, 0.7, 8), chance.normal(0, 0.7, 30)
        keys = [(rater, prompt) for rater in range(8) for prompt in chance.choice(30, 10, replace=False)]
        ballots = [judged(number, str(rater), str(prompt)) for number, (rater, prompt) in enumerate(keys)]
        values = [
            int(np.clip(round(5.5 + mild[rater] + easy[prompt] + chance.normal()), 1, 10))
            for rater, prompt in keys
        ]
        mean = only(ballots, [given(number, value) for number, value in enumerate(values)])
        assert mean.low is not None
        assert mean.high is not None
        hits += mean.low <= 5.5 <= mean.high
    assert 0.9 <= hits / tries <= 0.99
