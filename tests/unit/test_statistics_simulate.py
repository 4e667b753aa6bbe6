"""Simulated raters do what they are said to do, and intervals cover what they should."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from random import Random
from statistics import mean

import numpy as np
import pytest

from rostra.feedback.judged import compared
from rostra.feedback.statistics.leaderboard import leaderboard
from rostra.feedback.statistics.simulate import (
    Rater,
    Shown,
    Study,
    crowd,
    rate,
    right_order,
    simulated,
    truth,
)
from rostra.feedback.statistics.trial import trial

LADDER = (Shown(quality=0), Shown(quality=8), Shown(quality=4), Shown(quality=-8))


def said(rater: Rater, times: int = 300) -> Counter[tuple[tuple[int, ...], ...]]:
    chance = Random(3)
    return Counter(rate(rater, LADDER, chance)[0].tiers for _ in range(times))


def test_habits() -> None:
    assert said(Rater(name="r")).most_common(1)[0][0] == ((1,), (2,), (0,), (3,))
    assert said(Rater(name="r", habit="reversed")).most_common(1)[0][0] == ((3,), (0,), (2,), (1,))
    assert set(said(Rater(name="r", habit="same"))) == {((0,), (1,), (2,), (3,))}
    assert all(tiers[0] == (0,) for tiers in said(Rater(name="r", habit="first")))
    assert len(said(Rater(name="r", habit="random"))) == 24
    assert said(Rater(name="r", noise=0, ties=5)) == {((0, 1, 2), (3,)): 300}
    assert set(said(Rater(name="r", noise=0, best_worst=True))) == {((1,), (0, 2), (3,))}


def test_some_skip_and_some_find_all_bad() -> None:
    chance = Random(3)
    rater = Rater(name="r", skips=0.2, all_bad=0.1)
    outcomes = Counter(rate(rater, LADDER, chance)[0].outcome for _ in range(1000))

    assert outcomes["skipped"] == pytest.approx(200, abs=40)
    assert outcomes["all_bad"] == pytest.approx(100, abs=30)


def test_a_campaign_is_what_was_asked_for_and_the_same_every_time() -> None:
    study = Study(
        strengths=dict.fromkeys("abcde", 0.0),
        raters=crowd(5),
        prompts=50,
        k=3,
        overlap=2,
        gold=0.3,
        repeats=0.2,
    )

    judged = list(simulated(study, 7))

    assert judged == list(simulated(study, 7))
    assert judged != list(simulated(study, 8))
    assert len({one.prompt for one in judged}) == 50
    assert len({one.judgment for one in judged}) == len(judged) > 100
    assert len({one.task for one in judged}) == 50 + len(judged) - 100
    assert all(len(set(one.answerers)) == 3 for one in judged)
    assert set(right_order(judged)) == {one.task for one in judged if one.gold}
    assert [one.at for one in judged] == sorted(one.at for one in judged)


def test_screens_are_shuffled_evenly() -> None:
    study = Study(strengths=dict.fromkeys("abc", 0.0), raters=crowd(3), prompts=400, k=3)
    orders = Counter(tuple(candidate[-1] for candidate in one.candidates) for one in simulated(study))

    assert len(orders) == 6
    assert sum((count - 200) ** 2 / 200 for count in orders.values()) < 20.5  # chi squared, 5 degrees, 99.9 %


def test_too_few_answerers_or_raters_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        Study(strengths={"a": 0.0}, raters=crowd(3))
    with pytest.raises(ValueError, match="too few"):
        Study(strengths=dict.fromkeys("abcd", 0.0), raters=crowd(2))


@pytest.mark.slow
def test_the_truth_of_a_plain_study_is_what_went_in_and_prompts_make_it_flatter() -> None:
    strengths = {"a": -0.75, "b": 0.0, "c": 0.75}
    plain = Study(strengths=strengths, raters=crowd(3), k=3)
    mixed = Study(strengths=strengths, raters=crowd(3), k=3, prompt_effect=1.5)

    assert truth(plain, ballots=3000) == pytest.approx(strengths, abs=0.1)
    flat = truth(mixed, ballots=3000)
    assert 0.35 < flat["c"] < 0.6
    assert flat["a"] == pytest.approx(-flat["c"], abs=0.1)


@pytest.mark.slow
def test_intervals_cover_what_is_true_though_raters_share_prompts() -> None:
    # what is true of two answerers with an effect of prompts is an integral over the normal distribution
    spread, gap = 1.5, 0.8
    nodes, weights = np.polynomial.hermite.hermgauss(80)
    chance = (
        weights / (1 + np.exp(-(gap + math.sqrt(2) * spread * math.sqrt(2) * nodes)))
    ).sum() / math.sqrt(math.pi)
    wanted = math.log(chance / (1 - chance))
    study = Study(strengths={"a": 0.0, "b": gap}, raters=crowd(30), prompts=50, k=2, prompt_effect=spread)

    boards = [leaderboard(simulated(study, seed), baseline="a") for seed in range(60)]

    found = [next(one for one in board.standings if one.answerer == "b") for board in boards]
    assert mean(one.strength for one in found) == pytest.approx(wanted, abs=0.1)
    covered = sum(one.low <= wanted <= one.high for one in found)
    assert 54 <= covered <= 60


@pytest.mark.slow
def test_the_first_of_identical_answers_wins_its_share_once_position_is_known() -> None:
    study = Study(
        strengths=dict.fromkeys("ab", 0.0),
        raters=crowd(30, Rater(name="", position=0.6)),
        prompts=600,
        k=2,
        overlap=1,
    )
    judged = list(simulated(study))

    firsts = sum(better == 0 for one in judged for better, _, gap in compared(one) if gap)
    board = leaderboard(judged)

    assert firsts > 300 + 2 * math.sqrt(150), "the bias is there"
    assert board.position is not None
    assert board.position.low < 0.6 < board.position.high
    assert all(one.low < 0 < one.high for one in board.standings)


@pytest.mark.slow
def test_a_trial_of_many_campaigns_covers_orders_and_catches() -> None:
    rater = Rater(name="", ties=0.2, position=0.3, length=0.3)
    people = crowd(12, rater, spammers={"first": 1, "same": 1})
    study = Study(strengths={"a": 0, "b": 0.9, "c": 1.8}, raters=people, prompts=100, k=3, prompt_effect=1)

    found = trial(study, 12, truth_ballots=4000)

    assert found.campaigns == 12
    assert found.coverage >= 0.8
    assert found.order_recovered > 0.8
    assert found.first_recovered >= found.order_recovered
    assert found.spammers_caught == 1
    assert found.honest_proposed < 0.05
    assert trial(replace(study, raters=crowd(5, rater)), 1, truth_ballots=500).spammers_caught is None
