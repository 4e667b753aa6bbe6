"""From tokens to text that may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra_models.text import Detokenizer, Stops, clean

WORDS = st.text(st.sampled_from("ab 中é👩\u200d\N{REPLACEMENT CHARACTER}"), max_size=30)


def decode(tokens: Sequence[bytes]) -> str:
    """Decode as byte-level tokenizers do."""
    return b"".join(tokens).decode(errors="replace")


def push_all(tokens: Sequence[bytes]) -> list[str]:
    vocabulary = list(dict.fromkeys(tokens))
    detokenizer = Detokenizer(lambda ids: decode([vocabulary[number] for number in ids]))
    return [detokenizer.push(vocabulary.index(token)) for token in tokens]


@st.composite
def tokens_of(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> tuple[str, list[bytes]]:
    """Cut the bytes of a text anywhere, also within characters."""
    text = draw(texts)
    data = text.encode()
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=len(data))))
    ends = [0, *(cut for cut in cuts if cut < len(data)), len(data)]
    return text, [data[start:end] for start, end in pairwise(ends) if start < end]


@given(tokens_of(WORDS.filter(lambda text: "\N{REPLACEMENT CHARACTER}" not in text)))
def test_pieces_join_to_the_text_however_its_bytes_are_cut(given: tuple[str, list[bytes]]) -> None:
    text, tokens = given
    assert "".join(push_all(tokens)) == text


@given(tokens_of(WORDS.filter(lambda text: "\N{REPLACEMENT CHARACTER}" not in text)))
def test_no_piece_has_half_a_character(given: tuple[str, list[bytes]]) -> None:
    _, tokens = given
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in push_all(tokens))


@given(st.lists(st.binary(min_size=1, max_size=4), max_size=30))
def test_bytes_that_are_no_text_show_all_but_an_unfinished_end(tokens: list[bytes]) -> None:
    assert "".join(push_all(tokens)) == decode(tokens).rstrip("\N{REPLACEMENT CHARACTER}")


def test_a_character_comes_with_its_last_byte() -> None:
    assert push_all([b"a", b"\xf0", b"\x9f", b"\x98", b"\x80", b"b"]) == ["a", "", "", "", "😀", "b"]


def test_a_decoder_that_trims_the_first_space_keeps_those_between_words() -> None:
    words = [" Hello", " there", " you"]
    detokenizer = Detokenizer(lambda ids: "".join(words[number] for number in ids).removeprefix(" "))
    assert [detokenizer.push(number) for number in (0, 1, 2, 1)] == ["Hello", " there", " you", " there"]


def test_decoding_stays_cheap_however_long_the_answer_is() -> None:
    seen: list[int] = []

    def measured(ids: Sequence[int]) -> str:
        seen.append(len(ids))
        return "a" * len(ids)

    detokenizer = Detokenizer(measured)
    assert "".join(detokenizer.push(0) for _ in range(1000)) == "a" * 1000
    assert max(seen) <= 3


@given(st.lists(st.text("abc", max_size=4), max_size=10), st.lists(st.text("abc", max_size=3), max_size=3))
def test_text_ends_before_the_first_stop_however_it_is_cut(pieces: list[str], strings: list[str]) -> None:
    stops = Stops(strings)
    shown = ""
    text = ""
    for piece in pieces:
        text += piece
        shown += stops.push(piece)
        starts = [text.find(string) for string in strings if string and string in text]
        assert text[: min(starts, default=len(text))].startswith(shown), "shown too early"
        if starts:
            assert stops.found
            assert shown == text[: min(starts)]
            assert stops.rest() == ""
            return
    assert not stops.found
    assert shown + stops.rest() == text


def test_only_what_could_become_a_stop_is_held_back() -> None:
    stops = Stops(("<end>",))
    assert [stops.push(piece) for piece in ("a<", "b", "<e", "nd", "?", "<end>", "more")] == [
        "a",
        "<b",
        "",
        "",
        "<end?",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\ud83d\ude00", "😀"),
        ("a\ud800", "a\N{REPLACEMENT CHARACTER}"),
        ("\udc00\ud800", "\N{REPLACEMENT CHARACTER}" * 2),
        ("\0\u202e", "\0\u202e"),
    ],
)
def test_surrogates_become_characters(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text(st.characters(codec=None)))
def test_clean_text_can_be_encoded(text: str) -> None:
    clean(text).encode()
