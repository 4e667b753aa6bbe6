"""Other forms of a text that mean the same: disguised, badly typed, unfinished, or in the middle of something harmless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from ..evasion import TRANSFORMS
from ..heads import HEADS
from .rows import Row

_READABLE = (
    "leet digits", "leet signs", "leet, heavy", "letter repeats", "first vowel starred", "middle starred", "inner letters shuffled",
    "spaced", "dotted", "dashed", "mocking case", "zero width", "cyrillic, partly", "accents",
)  # fmt: skip
"""Disguises that a classifier can learn to read. Codes are undone before it is asked."""

_SHORT = 6
"""Words below which a text is not cut: what is left would not be what it was."""


_MESSAGE, _QUESTION = 300, 15
"""Characters that what is put around a text, and a question, have at most and at least."""


class Augmenter:
    """Changes rows at random, reproducibly."""

    def __init__(self, harmless: list[str], questions: list[str], seed: int = 1) -> None:
        """``harmless``: texts to put around others. ``questions``: what they may be answers to, harmful or not."""
        self._harmless = harmless
        self._questions = questions
        self._random = Random(seed)  # noqa: S311  reproducible, not secret
        self._disguises = [TRANSFORMS[name] for name in _READABLE]

    def __call__(self, row: Row) -> Row:
        """Return ``row``, or in a good third of the cases another form of it.

        One in eight becomes an answer to some question: what is judged is the answer, whatever was asked.
        """
        if not row.question and self._random.random() < 0.12:  # noqa: PLR2004
            row = replace(row, question=self._random.choice(self._questions))
        chance = self._random.random()
        if chance < 0.10:  # noqa: PLR2004  shares, chosen on the tuning sources
            return replace(row, text=self._disguised(row.text))
        if chance < 0.20:  # noqa: PLR2004
            return replace(row, text=self._typed(row.text))
        if chance < 0.28:  # noqa: PLR2004
            return replace(row, text=self._begun(row.text))
        if chance < 0.38 and len(row.text) < 400:  # noqa: PLR2004
            return replace(row, text=self._surrounded(row.text))
        return row

    def _disguised(self, text: str) -> str:
        random = self._random
        transform = random.choice(self._disguises)
        share = random.uniform(0.2, 0.6)
        return " ".join(
            transform(word, random) if len(word) > 2 and random.random() < share else word  # noqa: PLR2004
            for word in text.split()
        )

    def _typed(self, text: str) -> str:
        match self._random.randrange(4):
            case 0:
                return text.upper()
            case 1:
                return "".join(each for each in text if each.isalnum() or each.isspace())
            case 2:
                return text.rstrip(".!?") + self._random.choice(
                    ("", "!!!", " ...", " lol", " 😂", " pls", "??")
                )
            case _:
                words = text.split()
                position = self._random.randrange(len(words))
                words[position] = _swapped(words[position], self._random)
                return " ".join(words)

    def _begun(self, text: str) -> str:
        """Cut the end off, as an answer looks while it is written."""
        words = text.split()
        if len(words) < _SHORT:
            return text
        return " ".join(words[: self._random.randint(len(words) * 7 // 10, len(words) - 1)])

    def _surrounded(self, text: str) -> str:
        random = self._random
        before, after = random.choice(self._harmless), random.choice(self._harmless)
        match random.randrange(3):
            case 0:
                return f"{before} {text}"
            case 1:
                return f"{text} {after}"
            case _:
                return f"{before} {text} {after}"


def augmenter(rows: Sequence[Row], seed: int) -> Augmenter:
    """Return an augmenter that takes what it adds from ``rows``."""
    short = [row for row in rows if len(row.text) < _MESSAGE]
    harmless = [row.text for row in short if not row.harmful and len(row.labels) == len(HEADS)]
    return Augmenter(harmless, [row.text for row in short if len(row.text) > _QUESTION], seed)


def _swapped(word: str, random: Random) -> str:
    if len(word) < 4:  # noqa: PLR2004  too short to be read afterwards
        return word
    at = random.randrange(1, len(word) - 2)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
