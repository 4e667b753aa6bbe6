"""How many disguised words somebody still sees: by way of disguise, in a sentence, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TypeAlias

from rostra_moderation.evasion import TRANSFORMS
from rostra_moderation.needles import sought
from rostra_moderation.rules import FLAG
from rostra_moderation.wordlists import BUILT_IN

Judge: TypeAlias = Callable[[str], bool]
"""Says of a text whether something was found in it."""

SENTENCE = "you are a {} ok"


def severe_words(count: int = 250, seed: int = 0) -> Sequence[str]:
    """Return up to ``count`` different words, severe and at least flagged, of the lists that the project ships, in ASCII."""
    found = sought(BUILT_IN, Path(), words={}, patterns={}, allow=())
    words = sorted(
        {
            needle.word
            for needle in found.words
            if needle.severe and needle.severity >= FLAG and needle.word.isascii()
        }
    )
    return random.Random(seed).sample(words, min(count, len(words)))  # noqa: S311  a choice to measure with


def disguised(word: str, way: str, seed: int = 0) -> str:
    """Return `SENTENCE` with ``word`` disguised in one ``way`` of `rostra_moderation.evasion.TRANSFORMS`."""
    chance = random.Random(f"{seed} {way} {word}")  # noqa: S311  a choice to measure with
    return SENTENCE.format(TRANSFORMS[way](word, chance))


def recall(judge: Judge, words: Sequence[str], seed: int = 0) -> Mapping[str, float]:
    """Return the share of ``words`` that ``judge`` finds, by way of disguise; undisguised under ``"plain"``.

    Raises `ValueError` if there are no words.
    """
    if not words:
        raise ValueError("no words to disguise; give at least one")
    found = {"plain": fmean(judge(SENTENCE.format(word)) for word in words)}
    for way in TRANSFORMS:
        found[way] = fmean(judge(disguised(word, way, seed)) for word in words)
    return found


def mean(by_way: Mapping[str, float]) -> float:
    """Return the mean over the ways of disguise, without the undisguised words."""
    return fmean(share for way, share in by_way.items() if way != "plain")
