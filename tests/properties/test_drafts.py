"""Ballots in the making: whatever is pressed ends in a ranking that can be stored, or in words that say what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.feedback.drafts import (
    Draft,
    arranged,
    arrangement,
    asked,
    mark_of,
    ranking,
    read,
    so_far,
    standing,
    tapped,
    text_of,
)
from rostra.feedback.ranking import LETTERS, Ranking, RankingError, pairs, parse, written

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


@st.composite
def arrangements(draw: st.DrawFn) -> tuple[int, tuple[tuple[int, ...], ...]]:
    """How many answers there are, and all of them in tiers."""
    slots = draw(st.permutations(range(draw(st.integers(2, 9)))))
    tied = draw(st.integers(0, 2 ** len(slots) - 1))
    tiers: list[list[int]] = []
    for number, slot in enumerate(slots):
        if tiers and tied >> number & 1:
            tiers[-1].append(slot)
        else:
            tiers.append([slot])
    return len(slots), tuple(tuple(sorted(tier)) for tier in tiers)


@given(arrangements(), st.booleans(), KEYS)
def test_what_was_arranged_on_a_page_is_a_draft_that_presses_go_on_with(
    there: tuple[int, tuple[tuple[int, ...], ...]], ends: bool, keys: list[str]
) -> None:
    k, tiers = there
    before, _ = pressed(Draft(k=k, ends=ends), keys)
    draft = read(text_of(arranged(before, tiers, mark_of("move"))), k, ends=ends)
    assert arrangement(draft) == tiers
    assert ranking(draft).tiers == tiers
    assert ranking(draft).loose is None
    assert parse(so_far(draft), k) == ranking(draft)
    assert asked(draft) == "Save it, or press undo."
    for _ in range(2 * k):  # the letters, and = between them
        if draft.taps:
            draft = tapped(draft, "undo")
    assert draft.taps == ""
    again, _ = pressed(draft, keys)
    assert again == pressed(replace(Draft(k=k, ends=ends), mark=draft.mark), keys)[0]


@given(k=st.integers(2, 9), ends=st.booleans(), keys=KEYS)
def test_what_was_pressed_in_a_chat_is_an_arrangement_that_says_nothing_else(
    k: int, ends: bool, keys: list[str]
) -> None:
    draft, _ = pressed(Draft(k=k, ends=ends), keys)
    tiers = arrangement(draft)
    assert sorted(slot for tier in tiers for slot in tier) == list(range(k))
    now = standing(draft)
    if not now.front or now.joining:
        return
    said = set(pairs(ranking(draft)))
    assert {(one, other) for one, other, _ in said} <= {
        (one, other) for one, other, _ in pairs(Ranking(tiers=tiers))
    }


def test_an_arrangement_has_a_place_for_each_answer() -> None:
    with pytest.raises(RankingError, match="C has no place yet"):
        arranged(Draft(k=3), ((1,), (0,)))
