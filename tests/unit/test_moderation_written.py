"""Rows that the project wrote to learn from."""

from __future__ import annotations

import pytest

from rostra_moderation.heads import HEADS
from rostra_moderation.train import written
from rostra_moderation.train.written import expanded, use_of

FILE = """
[slots]
who = ["my neighbour", "the {which} guy"]
which = ["other", "new"]

[[groups]]
about = "likes"
labels = []
take = 4
lines = ["{who} likes {who}"]

[[pairs]]
about = "answers"
labels = ["toxicity"]
lines = [["what about {which}?", "{which} is daft"]]
"""


def test_a_line_is_drawn_with_different_fillings_that_are_the_same_within_it() -> None:
    texts = [row.text for row in expanded("file", FILE) if row.source == "written/file/likes"]
    assert len(texts) == len(set(texts)) == 3
    assert all((halves := text.split(" likes "))[0] == halves[1] for text in texts)


def test_a_pair_is_an_answer_with_its_question_and_both_are_filled_alike() -> None:
    row = next(row for row in expanded("file", FILE) if row.question)
    assert row.question.split()[-1].rstrip("?") == row.text.split()[0]
    assert row.labels["toxicity"] == 1
    assert sum(row.labels.values()) == 1


def test_every_row_says_something_about_every_head() -> None:
    assert all(set(row.labels) == set(HEADS) for row in expanded("file", FILE))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [('["toxicity"]', '["rude"]', "no head 'rude'"), ("{which} is", "{what} is", "no slot 'what'")],
)
def test_what_is_misspelt_is_named(old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list(expanded("file", FILE.replace(old, new)))


@pytest.mark.slow
def test_the_rows_that_the_project_has_are_enough_and_have_their_contrasts() -> None:
    rows = list(written.rows())
    for head in ("sexual", "self-harm", "violence"):
        assert sum(row.labels[head] for row in rows) >= 2_000
    assert sum(not row.harmful for row in rows) > sum(row.harmful for row in rows)


@pytest.mark.slow
def test_groups_are_learned_from_or_measured_on_never_both() -> None:
    parts = {use: {row.source for row in written.rows(use)} for use in ("learn", "tune", "measure")}
    assert all(parts.values())
    assert sum(map(len, parts.values())) == len({source for found in parts.values() for source in found})
    assert all(use_of(source) == use for use, found in parts.items() for source in found)
