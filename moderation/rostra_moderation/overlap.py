"""Which part of a text that grows must be looked at again, so that nothing is missed that lies across a cut. Pure."""

from __future__ import annotations

from .guard import cluster_end

OVERLAP = 320
"""Characters before what is new that are looked at again: longer than anything that word lists and patterns are to find."""

_BACK = 48
"""Characters that the start of a window may move back, so that it cuts no word."""


class Overlap:
    """Walks over one text that grows, in windows that overlap. None is all of the text again, however long that gets."""

    def __init__(self, overlap: int = OVERLAP) -> None:
        self._overlap = overlap
        self._seen = 0
        self.cut = False
        """Whether some window did not begin at the text's beginning: then what is longer than one was not looked for."""

    @property
    def seen(self) -> int:
        """How many characters lay within some window."""
        return self._seen

    def start(self, text: str) -> int:
        """Return where the window begins that ends with ``text``, and count it as seen."""
        start = max(0, self._seen - self._overlap)
        if start:
            start = _word_start(text, start)
        self._seen = len(text)
        self.cut = self.cut or start > 0
        return start


def _word_start(text: str, start: int) -> int:
    """Return the nearest beginning of a word up to `_BACK` characters before ``start``, or of a character."""
    for position in range(start, max(0, start - _BACK), -1):
        if text[position - 1].isspace():
            return position
    return cluster_end(text, max(0, start - _BACK), start)
