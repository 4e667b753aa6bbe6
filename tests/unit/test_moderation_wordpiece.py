"""Texts as the numbers that the encoder reads."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra_moderation.classifier import shipped
from rostra_moderation.wordpiece import WordPiece, words

OLD = st.characters(exclude_categories=("Cs", "Cn"), max_codepoint=0x2FFF).filter(
    lambda sign: unicodedata.ucd_3_2_0.category(sign) == unicodedata.category(sign)
)
"""Characters that the two libraries' tables cannot disagree about: known since Unicode 3.2, and the same ever since."""

SMALL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "a", "##b", "!", "the", "##ff"]


def test_a_word_is_made_of_the_longest_pieces_from_the_left() -> None:
    pieces = WordPiece(SMALL)
    assert [SMALL[number] for number in pieces("Unaffable!")] == ["un", "##aff", "##able", "!"]


def test_a_word_that_no_pieces_make_up_is_unknown_as_a_whole() -> None:
    pieces = WordPiece(SMALL)
    assert pieces("unq the") == [pieces.unknown, SMALL.index("the")]


def test_a_word_longer_than_a_hundred_characters_is_unknown() -> None:
    assert WordPiece(SMALL)("a" * 101) == [1]


def test_a_vocabulary_without_a_special_piece_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no '\[SEP\]'"):
        WordPiece(SMALL[:3])


def test_words_lose_case_and_accents_and_stand_apart_from_signs() -> None:
    assert words("Ça va, d'accord?") == ["ca", "va", ",", "d", "'", "accord", "?"]


def test_what_cannot_be_seen_is_no_part_of_a_word() -> None:
    assert words("ki\u200bll \x00 me\ufffd") == ["kill", "me"]


def test_a_sigma_at_the_end_of_a_word_is_the_letter_that_the_vocabulary_was_counted_with() -> None:
    assert words("ΟΔΟΣ") == ["οδοσ"]


def test_each_chinese_character_is_a_word() -> None:
    assert words("你好ab") == ["你", "好", "ab"]


@pytest.fixture(scope="module")
def vocabulary() -> list[str]:
    return (shipped() / "pieces.txt").read_text("utf-8").split("\n")[:-1]


@pytest.mark.slow
def test_it_agrees_with_the_library_that_everybody_uses(vocabulary: list[str]) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    other = tokenizers.BertWordPieceTokenizer(
        {piece: number for number, piece in enumerate(vocabulary)}, lowercase=True
    )
    ours = WordPiece(vocabulary)

    @settings(deadline=None)  # a busy machine proves nothing
    @given(st.text(OLD, max_size=60) | st.text("aeiou nst.,!'-éß中\u200b\u0301😂_", max_size=60))
    def agree(text: str) -> None:
        assert ours(text) == other.encode(text, add_special_tokens=False).ids

    agree()
