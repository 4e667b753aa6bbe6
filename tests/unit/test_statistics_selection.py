"""Choosing what to ask: propensities are true, and estimates with them have no bias."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from statistics_ballots import ballot, duels

from rostra.feedback.judged import Judged
from rostra.feedback.statistics.contests import contests
from rostra.feedback.statistics.rates import win_rate
from rostra.feedback.statistics.selection import Option, Plan, gain, pick, propensities, votes

KNOWN, OPEN = Option(task="known", answerers=("a", "b")), Option(task="open", answerers=("c", "a"))


def test_votes_are_counted_both_ways_round() -> None:
    seen = votes(contests([*duels("b", "a", 3, 1, 1), ballot("A > B", ("a", "a"), 50)]))

    assert seen == {("a", "b"): (5, 1.5, 1.25)}


def test_what_was_asked_less_tells_more() -> None:
    seen = votes(contests([*duels("a", "b", 40, 40), *duels("a", "c", 2, 2, start=100)]))

    assert gain(OPEN, seen) > 5 * gain(KNOWN, seen)
    assert gain(Option(task="alike", answerers=("a", "a")), seen) == 0
    assert gain(Option(task="all", answerers=("a", "b", "c")), seen) > gain(OPEN, seen)


def test_the_first_tasks_are_drawn_uniformly() -> None:
    picks = [pick([KNOWN, OPEN], {}, Random(n), done=n, plan=Plan(start=50)) for n in range(50)]

    assert {one.propensity for one in picks} == {None}
    assert len({one.task for one in picks}) == 2


def test_propensities_are_the_shares_in_which_tasks_are_picked() -> None:
    seen = votes(contests([*duels("a", "b", 40, 40), *duels("a", "c", 2, 2, start=100)]))
    plan = Plan(start=0, uniform=0.25, floor=0.2)
    wanted: dict[str, float] = dict(
        zip(("known", "open"), propensities([KNOWN, OPEN], seen, plan), strict=True)
    )
    chance = Random(1)

    picks = [pick([KNOWN, OPEN], seen, chance, done=500, plan=plan) for _ in range(4000)]

    uniform = [one for one in picks if one.propensity is None]
    picked = Counter(one.task for one in picks if one.propensity is not None)
    assert len(uniform) == pytest.approx(1000, abs=120)
    assert sum(wanted.values()) == pytest.approx(1)
    assert min(wanted.values()) >= 0.1
    for one in picks:
        assert one.propensity in {None, wanted[one.task]}
    assert picked["open"] / picked.total() == pytest.approx(wanted["open"], abs=0.03)


def test_impossible_plans_and_nothing_to_pick_are_refused() -> None:
    with pytest.raises(ValueError, match="uniform 0"):
        Plan(uniform=0)
    with pytest.raises(ValueError, match="no task"):
        pick([], {}, Random(1), done=0)


@pytest.mark.slow
def test_picked_tasks_are_biased_until_they_are_weighed() -> None:
    # a wins nine of ten hard tasks and four of ten easy ones; the hard ones are picked nine times as often
    chance = Random(5)
    judged: list[Judged] = []
    for number in range(6000):
        uniform = chance.random() < 0.3
        hard = chance.random() < (0.5 if uniform else 0.9)
        wins = chance.random() < (0.9 if hard else 0.4)
        propensity = None if uniform else (0.9 if hard else 0.1) / 100
        judged.append(ballot("A > B" if wins else "B > A", ("a", "b"), number, propensity=propensity))

    everything, uniform_slice, weighed = (
        win_rate(judged, "a", "b", sampling=sampling) for sampling in ("all", "uniform", "inverse")
    )

    assert everything.low > 0.7
    assert uniform_slice.low < 0.65 < uniform_slice.high
    assert weighed.low < 0.65 < weighed.high
    assert weighed.high - weighed.low < uniform_slice.high - uniform_slice.low
