"""Texts cut into windows that the encoder can read."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rostra_moderation.windows import LENGTH, Windows
from rostra_moderation.wordpiece import WordPiece

WORDS = [f"w{number}" for number in range(400)]
PIECES = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, "why", "?"])
CUT = Windows(PIECES)


def test_a_short_text_is_one_window_with_start_and_end() -> None:
    (window,) = CUT("w1 w2")
    assert window.ids == (PIECES.start, *PIECES("w1 w2"), PIECES.end)
    assert window.split == 0


def test_nothing_is_no_window() -> None:
    assert CUT(" \n") == []


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=900))
def test_windows_cover_every_word_in_order_and_are_never_too_long(words: list[str]) -> None:
    windows = CUT(" ".join(words))
    assert all(len(window.ids) <= LENGTH for window in windows)
    covered = list(windows[0].words)
    for window in windows[1:]:
        overlap = next(
            size
            for size in range(len(window.words), -1, -1)
            if covered[len(covered) - size :] == list(window.words[:size])
        )
        covered += window.words[overlap:]
    assert set(covered) == set(words)
    assert windows[-1].words[-1] == words[-1]


def test_windows_stay_the_same_when_more_text_follows() -> None:
    text = " ".join(WORDS[:300])
    before, after = CUT(text), CUT(f"{text} w1 w2 w3")
    assert after[: len(before) - 1] == before[:-1]


def test_neighbours_share_words_so_that_no_passage_is_cut_in_two_everywhere() -> None:
    for one, other in pairwise(CUT(" ".join(WORDS))):
        assert set(one.words) & set(other.words)


def test_an_answer_is_read_beside_the_end_of_its_question() -> None:
    window = CUT("w1", question=" ".join(WORDS[:100]) + " why ?")[0]
    assert window.ids[window.split :] == (*PIECES("w1"), PIECES.end)
    assert window.ids[: window.split][-3:] == (*PIECES("why ?"), PIECES.end)
    assert window.words == ("w1",)


def test_one_word_of_more_pieces_than_fit_is_cut_not_dropped() -> None:
    letters = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "x", "##x"])
    (window,) = Windows(letters)("x" * 100 + " " + "x" * 30)[:1]
    assert len(window.ids) <= LENGTH
