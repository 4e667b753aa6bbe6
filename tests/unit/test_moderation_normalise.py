"""The plain form of texts, and the way back to the offsets of the original."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra_moderation.normalise import plain

odd = st.text(
    alphabet=st.one_of(
        st.characters(), st.sampled_from("ﬃßİ\u0301\u200b\ufe0f\U000e0041\uff21\u201c\u2019\u2013`")
    ),
    max_size=60,
)


@given(odd)
@settings(deadline=None)
def test_offsets_lead_back_into_the_text_and_never_backwards(text: str) -> None:
    form = plain(text)
    bounds = [form.original(index, index + 1) for index in range(len(form.text))]
    assert all(0 <= start < end <= len(text) for start, end in bounds)
    assert bounds == sorted(bounds)


@given(odd)
@settings(deadline=None)
def test_each_character_stands_for_the_piece_it_leads_back_to(text: str) -> None:
    form = plain(text)
    for index, character in enumerate(form.text):
        start, end = form.original(index, index + 1)
        assert character in {"_", " "} or character in plain(text[start:end]).text


@given(odd)
@settings(deadline=None)
def test_plain_text_stays_as_it_is(text: str) -> None:
    once = plain(text).text
    assert len(once) <= 18 * len(text)  # no character stands for more than U+FDFA does
    assert plain(once).text == once


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Pipe BOMB", "pipe bomb"),
        ("\uff30\uff49\uff50\uff45 ⒷⓄⓂⒷ", "pipe bomb"),
        ("pi\u200bpe bo\u00admb", "pipe bomb"),
        ("pipe\U000e0041 bomb\ufe0f", "pipe bomb"),
        ("I don\u2019t \u2013 \u201cno\u201d", 'i don\'t - "no"'),
        ("Straße", "strasse"),
        ("Cafe\u0301", "café"),
        ("Он\u0430", "он\u0430"),
        ("a _bo_ld__ snake_case_ word", "a  bo_ld   snake_case  word"),
    ],
)
def test_disguises_of_letters_fall_away(text: str, form: str) -> None:
    assert plain(text).text == form


def test_a_hit_is_found_where_it_stands_in_the_original() -> None:
    text = "the ﬃ \u200bPi\u200bpe\u200b bomb"
    form = plain(text)
    at = form.text.index("pipe")
    start, end = form.original(at, at + 4)
    assert text[start:end] == "Pi\u200bpe\u200b"


def test_fifty_thousand_marks_on_one_letter_are_read_in_pieces() -> None:
    form = plain("e" + "\u0301" * 50_000)
    assert form.text[0] == "é"
    assert len(form.text) <= 50_001
    assert unicodedata.is_normalized("NFKC", form.text[:10])
