"""Means, shares and ratios over questions, with how sure they are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rostra_models.training.intervals import mean_of, ratio_of, share_of
from rostra_models.training.reward_figures import mean_and_reach


def test_a_single_question_says_nothing_of_how_sure_a_mean_is() -> None:
    found = mean_of([1.0, 0.0], [7, 7])
    assert (found.mean, found.low, found.high) == (0.5, -math.inf, math.inf)
    assert found.named("x") == {"x": 0.5}


def test_a_question_counts_once_however_many_answers_it_has() -> None:
    values = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    by_question, alone = mean_of(values, [3, 3, 3, 9, 9, 9]), mean_of(values)
    assert by_question.high - by_question.low > alone.high - alone.low


def test_where_all_are_the_same_a_share_is_not_certain() -> None:
    found = share_of([1.0] * 10)
    assert (found.mean, found.high) == (1.0, 1.0)
    assert 0.6 < found.low < 0.8
    assert share_of([1.0] * 10, [0] * 10).low < 0.2
    third = share_of([1.0, 0.0, 0.0] * 3, [0] * 3 + [1] * 3 + [2] * 3)
    assert third.low < 0.2 < third.mean < 0.5 < third.high
    mixed = share_of([1.0, 1.0, 1.0, 1.0, 0.0])
    assert 0 <= mixed.low < mixed.high <= 1


def test_the_interval_of_a_ratio_is_that_of_its_tokens_by_conversation() -> None:
    random = np.random.default_rng(0)
    clusters = np.repeat(np.arange(6), [3, 1, 4, 2, 2, 5])
    values = random.normal(size=len(clusters))
    mean, wide = mean_and_reach(values, clusters)
    found = ratio_of(np.bincount(clusters, weights=values).tolist(), np.bincount(clusters).tolist())
    assert [found.mean, found.high - found.mean] == pytest.approx([mean, wide])


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        effects = np.repeat(random.normal(size=20), 4)
        found = mean_of((effects + random.normal(size=80)).tolist(), np.repeat(np.arange(20), 4).tolist())
        held += found.low <= 0 <= found.high
    assert 0.91 <= held / 300 <= 0.985
