"""Blotting out parts of a text."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.verdicts import Span
from rostra_moderation.masking import Blots, mask


def span(start: int, end: int, category: str = "pii") -> Span:
    return Span(start=start, end=end, category=category)


def test_what_was_found_is_replaced_by_its_category() -> None:
    assert mask("call 555-1234 now", [span(5, 13)]) == "call [pii] now"
    assert mask("nothing here", []) == "nothing here"


def test_finds_that_overlap_become_one_and_others_stay_apart() -> None:
    assert mask("abcdefgh", [span(1, 4), span(2, 6, "hate"), span(3, 3)]) == "a[pii]gh"
    assert mask("abcdefgh", [span(4, 6), span(1, 2)]) == "a[pii]cd[pii]gh"


def test_a_blot_is_written_once_wherever_the_text_is_cut() -> None:
    blots = Blots()
    blots.add([span(2, 8)])
    text = "0123456789"
    assert [blots.shown(text, start, end) for start, end in pairwise((0, 1, 4, 6, 10))] == [
        "0",
        "1[pii]",
        "",
        "89",
    ]


def test_adding_says_where_what_is_new_begins() -> None:
    blots = Blots()
    assert blots.add([span(0, 4)], offset=10) == 10
    assert blots.add([span(11, 13)]) is None
    assert blots.add([span(11, 13), span(3, 5), span(20, 21)]) == 3
    assert blots.add([span(12, 16)]) == 12


texts = st.text(alphabet="abcdef \n", max_size=60)
spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=6)


@given(texts, spans, st.lists(st.integers(0, 60), max_size=8))
@settings(max_examples=200, deadline=None)
def test_pieces_read_together_like_the_whole(
    text: str, found: list[tuple[int, int]], cuts: list[int]
) -> None:
    blots = Blots()
    blots.add(span(start, min(start + length, len(text))) for start, length in found if start < len(text))
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    assert "".join(blots.shown(text, start, end) for start, end in pairwise(edges)) == blots.shown(
        text, 0, len(text)
    )


@given(texts, spans)
@settings(max_examples=200, deadline=None)
def test_nothing_that_was_found_is_left(text: str, found: list[tuple[int, int]]) -> None:
    marked = [span(start, min(start + length, len(text))) for start, length in found if start < len(text)]
    covered = {at for each in marked for at in range(each.start, each.end)}
    left = "".join(character for at, character in enumerate(text) if at not in covered)
    assert mask(text, marked).replace("[pii]", "") == left
