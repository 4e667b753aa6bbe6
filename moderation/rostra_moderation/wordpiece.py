"""Texts as the numbers that the encoder reads: BERT's uncased WordPiece, in a few lines and without a library.

It gives what ``tokenizers.BertWordPieceTokenizer`` gives (tested against it); that library brings a client of a model hub
along, which a moderator that never downloads anything has no use for. Algorithm: https://arxiv.org/abs/1609.08144 §4.1,
text clean-up as in https://github.com/google-research/bert (tokenization.py).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"

_LONGEST = 100
"""Characters from which a word is unknown as a whole, as in BERT."""

_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")


class WordPiece:
    """A vocabulary, and the way from texts into it."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """``vocabulary``: the pieces in the order of their numbers. Raises `ValueError` if a special one is missing."""
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}
        for special in (PAD, UNKNOWN, START, END):
            if special not in self._numbers:
                raise ValueError(f"the vocabulary has no {special!r}")
        self.pad, self.unknown, self.start, self.end = (
            self._numbers[special] for special in (PAD, UNKNOWN, START, END)
        )
        self.word = lru_cache(maxsize=20_000)(self._split)
        """The numbers of the pieces of one of `words`."""

    def __call__(self, text: str) -> list[int]:
        """Return the numbers of the pieces of ``text``, without start and end."""
        numbers: list[int] = []
        for word in words(text):
            numbers += self.word(word)
        return numbers

    def _split(self, word: str) -> tuple[int, ...]:
        """Return the numbers of the longest pieces that make up ``word``, taken from the left."""
        if len(word) > _LONGEST:
            return (self.unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._numbers.get(mark + word[start:end])
                if number is not None:
                    break
            else:
                return (self.unknown,)
            found.append(number)
            start = end
        return tuple(found)


def words(text: str) -> list[str]:
    """Return the words and signs of ``text`` in small letters, without accents; each Chinese character by itself."""
    if text.isascii():
        return _WORD.findall(_visible(text).lower())
    # Letter by letter: Python alone would end a word in another sigma.
    small = text.replace("\N{GREEK CAPITAL LETTER SIGMA}", "\N{GREEK SMALL LETTER SIGMA}").lower()
    bare = "".join(_plain(character) for character in unicodedata.normalize("NFD", small))
    return [part for word in bare.split() for part in _parts(word)]


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(_plain(character) for character in text)


@lru_cache(maxsize=8192)
def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Mn":
        return ""
    if character in "\t\n\r" or category == "Zs":
        return " "
    if category[0] == "C" or character == "\ufffd":
        return ""
    return f" {character} " if _chinese(ord(character)) else character


def _parts(word: str) -> list[str]:
    parts = [""]
    for character in word:
        if _sign(character):
            parts += (character, "")
        else:
            parts[-1] += character
    return [part for part in parts if part]


@lru_cache(maxsize=8192)
def _sign(character: str) -> bool:
    """Say whether ``character`` stands for itself: punctuation, and every sign of ASCII."""
    return character in string.punctuation or unicodedata.category(character)[0] == "P"


def _chinese(code: int) -> bool:
    return any(first <= code <= last for first, last in _CHINESE)


_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""Blocks of CJK ideographs, as BERT has them."""
