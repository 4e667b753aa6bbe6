"""Whole campaigns with raters who do not exist: few false promotions, soon a true one, intervals that cover. `make soak` runs many."""

from __future__ import annotations

import math
from statistics import median

import pytest
from hypothesis import settings

from rostra.cli.rank_simulate import usual
from rostra.feedback.statistics.evidence import Recommendation, recommend
from rostra.feedback.statistics.simulate import Rater, Study, crowd, simulated
from rostra.feedback.statistics.trial import trial

SOAK = settings.default is not None and settings.default.max_examples > 1000
RUNS = 1000 if SOAK else 6
TASKS = 300 if SOAK else 100
ALPHA = 0.05


def canary(odds: float, tasks: int, seed: int, like: Rater) -> Recommendation:
    """Return what is recommended after ``tasks``; had somebody looked after each, they would have been told the first decision."""
    study = Study(
        strengths={"live": 0.0, "candidate": math.log(odds)},
        raters=crowd(10, like),
        prompts=tasks,
        k=2,
        overlap=1,
    )
    return recommend(simulated(study, seed), "live", "candidate")


@pytest.mark.slow
def test_a_candidate_that_is_no_better_is_hardly_ever_promoted_however_often_one_looks() -> None:
    like = Rater(name="", ties=0.2, position=0.5)
    promoted = sum(canary(1.0, TASKS, seed, like).decision == "promote" for seed in range(RUNS))
    assert promoted <= ALPHA * RUNS


@pytest.mark.slow
def test_a_candidate_that_wins_three_of_five_is_promoted_soon() -> None:
    found = [canary(1.5, 900, seed, Rater(name="")) for seed in range(200 if SOAK else 3)]
    decided = [one.evidence.decided_at or math.inf for one in found]
    assert sum(one.decision == "promote" for one in found) >= 0.98 * len(found)
    assert median(decided) < 200


@pytest.mark.slow
@pytest.mark.skipif(not SOAK, reason="two hundred campaigns take half a minute: `make soak`")
def test_intervals_of_two_hundred_campaigns_cover_what_is_true() -> None:
    assert 0.92 <= trial(usual(), 200, truth_ballots=60_000).coverage <= 0.98
