"""Words that a disguise may hide, found by what the disguise leaves of them."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib.resources import files
from itertools import groupby
from math import log

_FOLDED = str.maketrans("l", "i")
"""Letters that the same signs stand for are one."""

_REPEATED = re.compile(r"(.)\1+")
_WORD = re.compile(r"(?<![\w'\u2019@/.-])[a-z]+(?![\w'\u2019@/-])")

_SHORTEST = 3
"""Letters that a disguised word has at least."""

_TURNED = 4
"""Letters from which a word is looked for backwards, in rot13 and shuffled: shorter ones are too often others."""

_LONGEST = 24
"""Letters of the longest word that a run of letters is taken apart into."""

_UNKNOWN = 25.0
"""Cost of a letter that belongs to no word; a word costs the logarithm of its rank, and `_A_WORD`."""

_A_WORD = 4.0


class Lexicon:
    """Listed words, which are what is looked for, and common ones, which a listed word must not be confused with."""

    def __init__(self, listed: Mapping[str, bool], common: Sequence[str]) -> None:
        """Take what is looked for and what is common. ``listed`` says of each word whether it is severe; ``common`` is in order of frequency."""
        self.listed = {word: severe for word, severe in listed.items() if word.isascii() and word.isalpha()}
        self._ranks = {word: rank for rank, word in enumerate(common, 100)}

        self.words = frozenset((*self.listed, *self._ranks))

    def __contains__(self, word: str) -> bool:
        return word in self.words

    def rank(self, word: str) -> int:
        """Return the place of a word that is here, by how much a disguise would be worth: listed ones are first."""
        return 0 if word in self.listed else self._ranks[word]

    @cached_property
    def turned(self) -> Mapping[str, str]:
        """Severe words by what they are backwards and in rot13, where that is no word itself."""
        made: dict[str, str] = {}
        for word in self._severe():
            for other in (word[::-1], codecs.encode(word, "rot13")):
                if other not in self:
                    made.setdefault(other, word)
        return made

    @cached_property
    def _shuffled(self) -> Mapping[str, str]:
        return {_bag(word): word for word in self._severe()}

    @cached_property
    def _bags(self) -> Mapping[str, str]:
        made: dict[str, str] = {}
        for word in self._ranks:
            if len(word) >= _TURNED:
                made.setdefault(_bag(word), word)
        return made

    @cached_property
    def _squeezed(self) -> Mapping[str, Sequence[str]]:
        made: dict[str, list[str]] = {}
        for word in (*self.listed, *self._ranks):
            made.setdefault(_squeeze(word), []).append(word)
        return made

    @cached_property
    def _by_length(self) -> Mapping[tuple[int, str], Sequence[str]]:
        made: dict[tuple[int, str], list[str]] = {}
        for word in (*self.listed, *self._ranks):
            if len(word) >= _SHORTEST:
                made.setdefault((len(word), word[0]), []).append(word)
                made.setdefault((len(word), "*"), []).append(word)
        return made

    def _severe(self) -> Iterator[str]:
        return (word for word, severe in self.listed.items() if severe and len(word) >= _TURNED)

    def shuffled(self, word: str) -> str | None:
        """Return the severe word that ``word`` is with its inner letters in another order."""
        if word in self or len(word) < _TURNED:
            return None
        found = self._shuffled.get(_bag(word))
        return found if found != word else None

    def unscrambled(self, word: str) -> str | None:
        """Return the most frequent common word that ``word``, which is none, is with its inner letters shuffled."""
        return None if word in self or len(word) < _TURNED else self._bags.get(_bag(word))

    def drawn_out(self, letters: str, *, at_least: int = 1, shortest: int = _SHORTEST) -> str | None:
        """Return the best word that ``letters`` are with some letters repeated, and l and i taken for one another.

        A letter more often than in the word counts only if it is there ``at_least`` times.
        """
        folded = letters.translate(_FOLDED)
        best = None
        for word in self._squeezed.get(_squeeze(letters), ()):
            better = len(word) >= shortest and (best is None or self.rank(word) < self.rank(best))
            if better and _stretches(word, folded, at_least):
                best = word
        return best

    def starred(self, pattern: str, *, common: bool = True) -> str | None:
        """Return the best word that fits ``pattern``, in which a star stands for any one letter."""
        seen = [index for index, each in enumerate(pattern) if each != "*"]
        best = None
        for word in self._by_length.get((len(pattern), pattern[0]), ()):
            if all(word[index] == pattern[index] for index in seen) and (common or word in self.listed):
                if word in self.listed:
                    return word
                best = best or word
        return best

    def segments(self, letters: str) -> Sequence[str]:
        """Return ``letters`` taken apart into words, as likely ones as possible; what is no word stands by itself."""
        costs = [0.0]
        lasts = [0]
        for end in range(1, len(letters) + 1):
            cost, last = costs[end - 1] + _UNKNOWN, end - 1
            for start in range(max(0, end - _LONGEST), end):
                word = letters[start:end]
                if word in self.words:
                    whole = costs[start] + _A_WORD + log(100 + self.rank(word))
                    if whole < cost:
                        cost, last = whole, start
            costs.append(cost)
            lasts.append(last)
        words: list[str] = []
        end = len(letters)
        while end:
            words.append(letters[lasts[end] : end])
            end = lasts[end]
        return words[::-1]


def _bag(word: str) -> str:
    return f"{word[0]}{''.join(sorted(word[1:-1]))}{word[-1]}"


def _squeeze(word: str) -> str:
    return _REPEATED.sub(r"\1", word.translate(_FOLDED))


def _stretches(word: str, folded: str, at_least: int) -> bool:
    have = [len(list(group)) for _, group in groupby(folded)]
    need = [len(list(group)) for _, group in groupby(word.translate(_FOLDED))]
    return all(
        there == least or (there > least and there >= at_least)
        for there, least in zip(have, need, strict=True)
    )


@cache
def common() -> Sequence[str]:
    """Return common English words, the most frequent first."""
    text = files("rostra_moderation").joinpath("words", "common.txt").read_text(encoding="utf-8")
    return tuple(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def counted(texts: Iterable[str], *, least: int = 2) -> Sequence[str]:
    """Return the words that stand in ``least`` of ``texts`` or more, the most frequent first: how `common` was made."""
    words: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for text in texts:
        found = _WORD.findall(text.lower())
        words.update(found)
        places.update(set(found))
    return [
        word for word, _ in words.most_common() if places[word] >= least and (len(word) > 1 or word in "ai")
    ]
