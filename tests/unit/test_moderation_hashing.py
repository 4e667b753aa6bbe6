"""The linear model over hashed pieces of words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra_moderation.hashing import BITS, Linear, features


def test_the_same_words_use_the_same_rows_each_once() -> None:
    rows = features(["to", "be", "or", "not", "to", "be"])
    assert (np.diff(rows) > 0).all()
    assert (rows == features(["to", "be", "or", "not", "to", "be"])).all()


def test_other_words_use_other_rows() -> None:
    assert set(features(["good", "dog"])) != set(features(["dog", "good"]))


@given(st.lists(st.text(max_size=12), max_size=12))
def test_every_text_stays_inside_the_table(words: list[str]) -> None:
    rows = features(words)
    assert len(rows) == 0 or (rows.min() >= 0 and rows.max() < 1 << BITS)


def test_a_row_with_weight_moves_the_number_of_its_head_only() -> None:
    table = np.zeros((1 << BITS, 2), dtype=np.int8)
    table[features(["bad"]), 1] = 100
    model = Linear(table, np.array([1, 0.5], np.float32), np.array([0.25, -1], np.float32))
    benign, harmful = model.logits(["weather"]), model.logits(["bad"])
    assert benign[0] == harmful[0] == 0.25
    assert harmful[1] > benign[1] + 10


def test_a_table_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="scales"):
        Linear(np.zeros((8, 2), np.int8), np.ones(2, np.float32), np.zeros(2, np.float32))
