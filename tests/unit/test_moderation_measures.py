"""Figures of how well scores tell harm from none."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra_moderation.measures import auprc, recall_at, roc_auc, threshold

LABELS = [1, 0, 1, 0, 0]
SCORES = [0.9, 0.8, 0.7, 0.2, 0.1]


def test_average_precision_by_hand() -> None:
    assert auprc(LABELS, SCORES) == pytest.approx((1 + 2 / 3) / 2)


def test_roc_by_hand() -> None:
    assert roc_auc(LABELS, SCORES) == pytest.approx(5 / 6)


def test_ties_are_worth_half() -> None:
    assert roc_auc([1, 0], [0.5, 0.5]) == 0.5
    assert auprc([1, 0], [0.5, 0.5]) == 0.5


def test_without_harm_there_is_nothing_to_measure() -> None:
    assert math.isnan(auprc([0, 0], [1, 0]))
    assert math.isnan(roc_auc([1], [1]))
    assert math.isnan(recall_at([0], [0], 0.01))


def test_a_threshold_lets_the_allowed_share_through_and_no_more() -> None:
    harmless = [index / 100 for index in range(100)]
    limit = threshold(harmless, 0.05)
    assert sum(score > limit for score in harmless) == 5


def test_recall_counts_what_lies_above_the_threshold() -> None:
    assert recall_at([1, 1, 0, 0], [0.9, 0.1, 0.5, 0.2], 0.0) == 0.5


@settings(deadline=None)  # the first example imports the library
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.1, 0.2, 0.5, 0.9])), min_size=2, max_size=40))
def test_it_agrees_with_scikit_learn(rows: list[tuple[int, float]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    labels, scores = [label for label, _ in rows], [score for _, score in rows]
    if 0 < sum(labels) < len(labels):
        assert auprc(labels, scores) == pytest.approx(metrics.average_precision_score(labels, scores))
        assert roc_auc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores))
