"""Which language a text is in, disguised or not: what `rostra.language` finds, and what it finds of the plain text."""

from __future__ import annotations

from rostra.language import LOOKED_AT, UNKNOWN, language_of

from .normalise import readable

MOST = 1024


class Languages:
    """Finds the language of a text once: it is asked for when the text is judged, and again when that is noted.

    It keeps no words, only hashes, which Python draws anew in each process.
    """

    def __init__(self, most: int = MOST) -> None:
        """``most``: how many texts it remembers."""
        self._most = most
        self._found: dict[int, str] = {}

    def __call__(self, text: str) -> str:
        """Return what `plain_language_of` does."""
        key = hash(text)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = plain_language_of(text)
            if len(self._found) > self._most:
                del self._found[next(iter(self._found))]
        return found


def plain_language_of(text: str) -> str:
    """Return the language of ``text`` without its disguises: English with odd marks on it is English. Never raises."""
    language = language_of(text)
    if language in {UNKNOWN, "en"}:
        return language
    return language_of(readable(text[-LOOKED_AT:]))
