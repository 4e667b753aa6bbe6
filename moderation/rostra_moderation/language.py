"""Which language a text is in, disguised or not: what `rostra.language` finds, and what it finds of the plain text."""

from __future__ import annotations

from rostra.language import LOOKED_AT, UNKNOWN, language_of

from .normalise import readable


def plain_language_of(text: str) -> str:
    """Return the language of ``text`` without its disguises: English with odd marks on it is English. Never raises."""
    language = language_of(text)
    if language in {UNKNOWN, "en"}:
        return language
    return language_of(readable(text[-LOOKED_AT:]))
