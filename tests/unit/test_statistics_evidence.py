"""Deciding at any time: few false alarms however often one looks, and a decision soon where there is a difference."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import pytest
from statistics_ballots import DAY, ballot

from rostra.feedback.statistics.evidence import (
    STAKES,
    Rule,
    evidence,
    log_e_bet,
    log_e_beta,
    outcomes,
    recommend,
    tasks_to_go,
)
from rostra.feedback.statistics.samples import ballots_needed, design_effect, least_rate
from rostra.feedback.statistics.simulate import Study, crowd, simulated


def test_evidence_in_wins_is_a_ratio_of_likelihoods() -> None:
    # with a = 1 the mixture gives each number of wins of n the probability 1/(n+1)
    assert log_e_beta(3, 5, a=1) == pytest.approx(math.log(2**5 / 6 / math.comb(5, 3)))
    assert log_e_beta(0, 0) == 0
    assert log_e_beta(60, 100) == pytest.approx(log_e_beta(40, 100))
    with pytest.raises(ValueError, match="cannot be"):
        log_e_beta(3, 2)


def test_evidence_in_outcomes_is_the_mean_of_what_bets_win() -> None:
    both = [*STAKES, *(-stake for stake in STAKES)]

    assert log_e_bet([]) == 0
    assert log_e_bet([1.0]) == pytest.approx(0), "a fair game"
    assert log_e_bet([1, 0.5]) == pytest.approx(
        math.log(sum((1 + b) * (1 + b / 2) for b in both) / len(both))
    )
    assert log_e_bet([0.0] * 50) == pytest.approx(0), "ties say nothing"
    with pytest.raises(ValueError, match="-1 to 1"):
        log_e_bet([1.5])


@pytest.mark.parametrize("wins", range(6))
def test_both_kinds_of_evidence_are_worth_one_on_average_where_nothing_differs(wins: int) -> None:
    n = 5
    paths = [[1.0 if path >> at & 1 else -1.0 for at in range(n)] for path in range(2**n)]

    assert sum(math.exp(log_e_bet(path[: wins or 1])) for path in paths) / 2**n == pytest.approx(1)
    assert sum(math.comb(n, w) * math.exp(log_e_beta(w, n)) for w in range(n + 1)) / 2**n == pytest.approx(1)


def two_each(tasks: int, odds: float, seed: int) -> list[float]:
    """Return what rankings of two answers of either say where the candidate's odds against the other are ``odds``."""
    chance = np.random.default_rng(seed)
    worth = chance.gumbel(size=(tasks, 4)) + np.array([math.log(odds)] * 2 + [0.0] * 2)
    crossed: Any = np.sign(worth[:, :2, None] - worth[:, None, 2:])
    return crossed.mean(axis=(1, 2)).tolist()


@pytest.mark.slow
def test_looking_after_every_task_decides_wrongly_less_often_than_alpha() -> None:
    wrong = sum(evidence_reached(two_each(300, 1.0, seed)) > 0 for seed in range(1000))

    assert wrong <= 50


@pytest.mark.slow
def test_a_better_candidate_is_promoted_soon() -> None:
    runs = [two_each(600, 1.5, seed) for seed in range(200)]
    found = [evidence_reached(said) for said in runs]

    assert all(sum(said[:at]) > 0 for said, at in zip(runs, found, strict=True)), "all are promoted"
    assert median(found) < 200


def evidence_reached(said: list[float]) -> int:
    """Return the task at which evidence reached 20, or 0."""
    stakes = np.array([*STAKES, *(-stake for stake in STAKES)])
    won = np.cumsum(np.log1p(np.outer(said, stakes)), axis=0)
    reached = np.flatnonzero(np.exp(won).mean(axis=1) >= 20)
    first = int(reached[0]) + 1 if len(reached) else 0
    assert log_e_bet(said[:first] if first else said) == pytest.approx(
        math.log(np.exp(won[first - 1]).mean()), abs=1e-6
    )
    return first


def test_the_decision_stands_and_the_interval_agrees_with_it() -> None:
    said = [1.0] * 12 + [-1.0, 1.0] * 30
    found = evidence(said)

    assert 0 < found.decided_at <= 12
    assert found.log_e < found.highest
    assert 0.5 < found.low < found.win_rate < found.high < 1
    assert evidence([1.0, -1.0] * 100).low < 0.5 < evidence([1.0, -1.0] * 100).high
    assert evidence([]).decided_at == 0
    with pytest.raises(ValueError, match="share"):
        evidence(said, alpha=2)


@pytest.mark.slow
def test_intervals_that_one_may_always_look_at_hold() -> None:
    out = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        said: list[float] = (2.0 * (chance.random(150) < 0.65) - 1).tolist()
        found = evidence(said)
        out += not found.low <= 0.65 <= found.high

    assert out <= 6


def test_each_batch_is_one_outcome_when_it_is_complete() -> None:
    judged = [
        ballot("A > B", ("new", "old"), 0, batch="x", task="x"),
        ballot("A > B", ("old", "new"), 1, batch="x", task="x"),
        ballot("B > A", ("old", "new"), 2, batch="y", task="y"),
        ballot("A > B", ("new", "old"), 3, batch="y", task="y"),
        ballot("B > A", ("new", "old"), 4, batch="y", task="y"),
        ballot("A > B", ("new", "old"), 5, batch="z", task="z"),
        ballot("A > B", ("new", "other"), 6),
        ballot("A > B", ("new", "old"), 7, gold=True),
        ballot("A > B = C > D", ("new", "old", "new", "old"), 8, at=DAY),
    ]

    assert outcomes(judged, "old", "new", overlap=2) == [0.0, 1.0]
    assert outcomes(judged[8:], "old", "new") == [pytest.approx(3 / 4)]
    assert outcomes(judged, "old", "new")[0] == 1.0


def test_recommendations() -> None:
    def said(text: str, number: int) -> Any:
        return [ballot(text, ("new", "old"), n) for n in range(number)]

    promote = recommend(said("A > B", 40), "old", "new")
    assert (promote.decision, promote.more) == ("promote", 0)
    assert recommend(said("B > A", 40), "old", "new").decision == "keep"
    few = recommend(said("A > B", 3), "old", "new")
    assert few.decision == "more"
    assert few.more is not None
    assert 1 <= few.more <= 12
    assert recommend([], "old", "new").more is None
    even = [
        *said("A > B", 60),
        *(replace(one, judgment=f"b{n}", task=f"b{n}") for n, one in enumerate(said("B > A", 60))),
    ]
    even.sort(key=lambda one: one.at)
    assert recommend(even, "old", "new").decision == "more"
    assert recommend(even, "old", "new", Rule(most=100)).decision == "keep"
    assert recommend(even, "old", "new", Rule(gain=0.3)).decision == "keep"
    assert recommend(even, "old", "new").more is None


def test_how_many_tasks_more_is_what_it_then_takes() -> None:
    said = [1.0, 1.0, -1.0] * 10
    more = tasks_to_go(said)

    assert more is not None
    assert abs(evidence_reached(said * 20) - len(said) - more) < 30


@pytest.mark.slow
def test_a_simulated_campaign_finds_the_better_of_two() -> None:
    study = Study(
        strengths={"old": 0.0, "new": 0.8}, raters=crowd(10), prompts=250, k=2, overlap=2, prompt_effect=0.5
    )

    found = recommend(simulated(study), "old", "new", Rule(overlap=2))

    assert found.decision == "promote"
    assert found.evidence.tasks == 250
    assert found.evidence.low > 0.5


def test_sample_sizes_are_those_of_the_textbook() -> None:
    assert ballots_needed(0.55) == pytest.approx(783, abs=2)
    assert ballots_needed(0.6) == pytest.approx(194, abs=1)
    assert ballots_needed(0.4) == ballots_needed(0.6)
    assert ballots_needed(0.6, per_cluster=3, correlation=0.5) == pytest.approx(
        2 * ballots_needed(0.6), abs=2
    )
    assert ballots_needed(0.6, ties=0.5) == pytest.approx(2 * ballots_needed(0.6), abs=2)
    assert design_effect(4, 0.25) == 1.75
    assert least_rate(ballots_needed(0.6)) == pytest.approx(0.6, abs=1e-3)
    assert least_rate(1) > 0.99


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ballots_needed(0.5), "0.5 cannot be told"),
        (lambda: ballots_needed(0.6, power=1.0), "power is a share"),
        (lambda: ballots_needed(0.6, ties=1.0), "share of ties"),
        (lambda: design_effect(0.5, 0.1), "at least 1"),
    ],
)
def test_impossible_questions_are_refused(call: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()
