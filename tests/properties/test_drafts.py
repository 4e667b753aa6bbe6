"""Ballots in the making: whatever is pressed ends in a ranking that can be stored, or in words that say what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.feedback.drafts import Draft, asked, mark_of, ranking, read, so_far, standing, tapped, text_of
from rostra.feedback.ranking import LETTERS, RankingError, parse, written

KEYS = st.lists(st.sampled_from([*LETTERS, *LETTERS.lower(), "=", "undo", "J", "", "AB"]), max_size=30)


def pressed(draft: Draft, keys: list[str]) -> tuple[Draft, list[str]]:
    """Return the draft after all keys, and what was said about those that did not fit."""
    said: list[str] = []
    for key in keys:
        try:
            draft = tapped(draft, key)
        except RankingError as error:
            said.append(str(error))
    return draft, said


@given(k=st.integers(2, 9), ends=st.booleans(), keys=KEYS)
def test_any_presses_end_in_a_ranking_or_a_clear_message(k: int, ends: bool, keys: list[str]) -> None:
    draft, said = pressed(Draft(k=k, ends=ends), keys)
    assert all(one[0].isupper() and one.endswith(".") for one in said)
    now = standing(draft)
    placed = [slot for tier in now.front for slot in tier]
    assert sorted([*placed, *now.rest, *([] if now.back is None else [now.back])]) == list(range(k))
    if not now.front or now.joining:
        with pytest.raises(RankingError, match=r"\.$"):
            ranking(draft)
        return
    found = ranking(draft)
    assert sorted(slot for tier in found.tiers for slot in tier) == list(range(k))
    assert parse(written(found, k), k) == found
    assert asked(draft)
    assert so_far(draft).startswith(LETTERS[found.tiers[0][0]]) or "=" in so_far(draft)


@given(k=st.integers(2, 9), ends=st.booleans(), keys=KEYS)
def test_a_stored_draft_is_read_as_it_was(k: int, ends: bool, keys: list[str]) -> None:
    draft, _ = pressed(Draft(k=k, ends=ends), keys)
    assert read(text_of(draft), k, ends=ends) == draft


@given(st.text(max_size=60), st.integers(2, 9), st.booleans())
def test_whatever_is_stored_is_read_as_some_draft(stored: str, k: int, ends: bool) -> None:
    draft = read(stored, k, ends=ends)
    assert standing(draft).rest is not None
    assert read(text_of(draft), k, ends=ends).taps == draft.taps


@given(k=st.integers(2, 9), keys=KEYS, key=st.sampled_from([*LETTERS, "=", "undo"]))
def test_the_same_event_changes_nothing_the_second_time(k: int, keys: list[str], key: str) -> None:
    draft, _ = pressed(Draft(k=k), keys)
    try:
        once = tapped(draft, key, mark_of("event"))
    except RankingError:
        return
    assert tapped(once, key, mark_of("event")) == once
    assert read(text_of(once), k, ends=False) == once


@given(k=st.integers(2, 9), ends=st.booleans(), keys=KEYS, key=st.sampled_from([*LETTERS, "="]))
def test_undo_takes_back_one_press(k: int, ends: bool, keys: list[str], key: str) -> None:
    draft, _ = pressed(Draft(k=k, ends=ends), keys)
    try:
        after = tapped(draft, key)
    except RankingError:
        return
    if after != draft:
        assert tapped(after, "undo") == draft
