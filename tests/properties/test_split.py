"""However a text is cut, nothing is lost, nothing is too long, and what was sent stays as it was."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rostra.split import FENCE_SHARE, Cut, cuts, is_boundary, split

WORDS = st.sampled_from(
    [
        "word",
        "a",
        "sentence. ",
        "What? ",
        " ",
        "\n",
        "\n\n",
        "```",
        "````",
        "~~~",
        "```py\n",
        "\n```\n",
        "``",
        "`",
        "\n~~~~\n",
        "x" * 70,
        "    indented",
        "\t",
        "e\u0301",
        "👩‍👩‍👧",
        "🇩🇪",
        "🇫🇷🇩🇪",
        "\u0301",
        "。",
        "\\",
        "\r\n",
        "- item\n",
        "\n```info string\n",
        "\n  ```\n",
        "\u200d",
        "\ud83d",
        "\ude00",
        "क्षि",
        "각",
    ]
)
TEXTS = st.lists(WORDS, max_size=120).map("".join)
LIMITS = st.integers(min_value=100, max_value=240)


def unclosed(piece: str, limit: int) -> list[str]:
    """Return the fences that are open at the end of ``piece``, read as CommonMark does."""
    mark = ""
    for line in piece.split("\n"):
        if mark:
            bare = line.strip(" \t\r")
            if len(bare) >= len(mark) and set(bare) == {mark[0]}:
                mark = ""
        elif len(line.strip()) <= limit // FENCE_SHARE:
            found = re.fullmatch(r"[ \t]*(`{3,}(?=[^`]*$)|~{3,})(.*)", line)
            mark = found[1] if found else ""
    return [mark] if mark else []


def gaps(text: str, found: list[Cut]) -> list[str]:
    ends = [0, *(cut.end for cut in found)]
    starts = [*(cut.start for cut in found), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


@pytest.mark.slow
@given(TEXTS, LIMITS)
@example("```py\n" + "x = 1\n" * 90 + "```\nafter", 100)
@settings(deadline=None, max_examples=200)
def test_no_piece_is_too_long_or_blank(text: str, limit: int) -> None:
    for piece in split(text, limit):
        assert len(piece) <= limit
        assert piece.strip()


@pytest.mark.slow
@given(TEXTS, LIMITS)
@settings(deadline=None, max_examples=200)
def test_nothing_is_lost_but_whitespace_between_pieces(text: str, limit: int) -> None:
    found = list(cuts(text, limit))
    assert all(cut.start < cut.end for cut in found)
    assert not "".join(gaps(text, found)).strip()
    for cut in found:
        added = cut.before + cut.after
        assert not added.strip() or re.search(r"[`~]", added)


@pytest.mark.slow
@given(TEXTS, TEXTS, LIMITS)
@settings(deadline=None, max_examples=300)
def test_what_is_added_changes_only_the_last_piece(text: str, more: str, limit: int) -> None:
    before, after = split(text, limit), split(text + more, limit)
    assert list(after[: len(before) - 1]) == list(before[:-1]) if before else True


@pytest.mark.slow
@given(TEXTS, LIMITS)
@settings(deadline=None, max_examples=150)
def test_a_text_that_grows_by_one_character_at_a_time_keeps_its_pieces(text: str, limit: int) -> None:
    shown = split(text[: limit // 2], limit)
    for end in range(limit // 2, min(len(text), 3 * limit) + 1):
        now = split(text[:end], limit)
        assert list(now[: len(shown) - 1]) == list(shown[:-1]) if shown else True
        shown = now


@pytest.mark.slow
@given(TEXTS, LIMITS)
@settings(deadline=None, max_examples=200)
def test_every_piece_closes_its_code_blocks(text: str, limit: int) -> None:
    pieces = split(text, limit)
    for number, piece in enumerate(pieces):
        left = unclosed(piece, limit)
        # The last line of a text may become a fence, or not: nothing is added before that is known.
        if number == len(pieces) - 1 and "\n" not in text[-1:]:
            left = unclosed(piece.rpartition("\n")[0], limit) if left else left
        assert left == []


@pytest.mark.slow
@given(TEXTS, LIMITS)
@settings(deadline=None, max_examples=200)
def test_characters_made_of_several_code_points_stay_whole(text: str, limit: int) -> None:
    marks = set("\u0301\u200d")
    for cut in cuts(text, limit)[1:]:
        around = text[max(cut.start - 65, 0) : cut.start]
        assert is_boundary(text, cut.start) or set(around) & marks


@pytest.mark.slow
@given(TEXTS)
@settings(deadline=None, max_examples=50)
def test_a_text_that_fits_is_one_piece_as_it_is(text: str) -> None:
    pieces = split(text, len(text) + 100)
    assert len(pieces) == (1 if text.strip() else 0)
    assert not pieces or pieces[0].startswith(text)


@pytest.mark.parametrize("limit", [0, 99])
def test_a_limit_without_room_for_fences_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=str(limit)):
        split("text", limit)
