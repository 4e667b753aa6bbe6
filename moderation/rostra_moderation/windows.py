"""A text as pieces that overlap and are short enough to be read at once: the same ones, however much text follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .wordpiece import WordPiece, words

LENGTH = 126
"""Pieces that are read at once, start and end included."""

_ASKED = 40
"""Pieces of the question that are read beside an answer: its last ones."""

_STEP = 0.7
"""How far the next window begins, in lengths: no passage of a third of a window is cut in two everywhere."""


@dataclass(frozen=True, slots=True)
class Window:
    """``ids`` are pieces with start and end; from ``split`` on they are the answer's, if a question goes before it.

    ``words`` are those of the text itself.
    """

    ids: tuple[int, ...]
    split: int
    words: tuple[str, ...]


class Windows:
    """Cuts texts."""

    def __init__(self, pieces: WordPiece) -> None:
        self._pieces = pieces

    def __call__(self, text: str, question: str = "") -> list[Window]:
        """Return windows that cover all of ``text``; none if there is not a word in it."""
        asked = self._numbers(words(question))[-_ASKED:] if question else []
        head = [self._pieces.start, *asked, self._pieces.end] if asked else [self._pieces.start]
        room = LENGTH - len(head) - 1
        found = words(text)
        made: list[Window] = []
        start = 0
        while start < len(found):
            end, ids = self._filled(found, start, room)
            split = len(head) if asked else 0
            made.append(Window((*head, *ids, self._pieces.end), split, tuple(found[start:end])))
            if end == len(found):
                break
            start = max(start + 1, start + int((end - start) * _STEP))
        return made

    def _filled(self, found: Sequence[str], start: int, room: int) -> tuple[int, list[int]]:
        """Return where a window that begins with word ``start`` ends, and its pieces."""
        ids: list[int] = []
        end = start
        while end < len(found):
            numbers = self._pieces.word(found[end])
            if end > start and len(ids) + len(numbers) > room:
                break
            ids += numbers
            end += 1
        return end, ids[:room]

    def _numbers(self, found: Sequence[str]) -> list[int]:
        return [number for word in found for number in self._pieces.word(word)]
