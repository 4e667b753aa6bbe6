"""Listed words in a text, as they are and disguised, for a microsecond or two where there is nothing to find."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .disguises import is_turned, undisguised
from .lexicon import Lexicon, common
from .matching import Pattern
from .needles import Needle
from .normalise import Plain, plain
from .reading import EDGE, Reader, is_strange

_WORD = re.compile(r"\w+")
_REMEMBERED = 100_000
"""Chunks of texts that are remembered as harmless; then remembering begins anew."""

_NEW = 5_000
"""Chunks never met before, in one text, from which it is looked into without looking at each."""

_SHORT = 24
"""Characters of the longest chunk that is remembered."""

_RUNS = r"(?:^|\s)(?:\S(?:\s+\S){2}|(?:0x|\\x)?[0-9a-f]{2}(?:\s+(?:0x|\\x)?[0-9a-f]{2}){2}|[01]{8}\s+[01]{8})(?:\s|$)"
"""Letters one by one, and bytes one by one."""


class Words:
    """Looks for words by looking up each word of a text.

    One look-up of all words of a message at once, as a set, was measured beside Aho-Corasick automata: see
    ``docs/why/evasion.md``. Chunks (what stands between spaces) that turned out harmless are remembered, so that ordinary
    messages cost the difference of two sets. Nothing of a message is kept but such chunks, in memory, for a while.
    """

    def __init__(self, needles: Sequence[Needle]) -> None:
        self._needles: dict[str, list[Needle]] = {}
        severe: dict[str, bool] = {}
        for needle in needles:
            self._needles.setdefault(needle.word, []).append(needle)
            severe[needle.word] = severe.get(needle.word, False) or needle.severe
        self.reader = Reader(Lexicon(severe, common()))
        self._ordinary = self._known()
        self._fine = set(self._ordinary)
        self._runs = Pattern(_RUNS)

    def suspects(self, text: str, data: bytes) -> bool:
        """Say whether something in ``text``, a skeleton that ``data`` encodes, is listed or may be disguised."""
        chunks = set(text.split())
        new = chunks - self._fine
        if len(new) > _NEW or (
            2 * len(chunks - self._ordinary) > len(chunks) and is_turned(self.reader, text)
        ):
            return True
        for chunk in new:
            if self._is_suspicious(chunk):
                return True
            if len(chunk) <= _SHORT:
                if len(self._fine) >= _REMEMBERED:
                    self._fine = set(self._ordinary)
                self._fine.add(chunk)
        return self._runs.occurs(data)

    def _known(self) -> frozenset[str]:
        """Return common words, as they stand within and at the ends of sentences."""
        words = [word for word in common() if word not in self._needles]
        return frozenset(form for word in words for form in (word, word.capitalize(), f"{word},", f"{word}."))

    def _is_suspicious(self, chunk: str) -> bool:
        if self.occur(plain(chunk).text if "_" in chunk else chunk.lower()):
            return True
        core = chunk.strip(EDGE)
        shuffled = self.reader.lexicon.unscrambled(core) if is_strange(core) else None
        return shuffled is not None or self.reader.read(chunk) is not None

    def occur(self, text: str) -> bool:
        """Say whether a listed word stands in ``text``, in lower case."""
        return not self._needles.keys().isdisjoint(_WORD.findall(text))

    def hits(self, text: str) -> Iterator[tuple[Needle, int, int]]:
        """Yield the needles of the listed words in ``text``, in lower case, with their bounds."""
        for found in _WORD.finditer(text):
            for needle in self._needles.get(found[0], ()):
                yield needle, found.start(), found.end()

    def read(self, view: Plain) -> Plain | None:
        """Return the skeleton ``view`` without disguises; None if there are none."""
        return undisguised(self.reader, view)
