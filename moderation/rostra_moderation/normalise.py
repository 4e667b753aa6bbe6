"""Forms of a text: plain for matching, clean for models, readable without disguises for classifiers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_QUOTES = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u02bc\u00b4`"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u00ab\u00bb"), '"'),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-"),
}
"""Signs that keyboards and word processors put for one another. One for one, so that no offset moves."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
"""Characters that show nothing (a part of Unicode's Default_Ignorable_Code_Point)."""

_EMPHASIS = re.compile(r"(?<!\w)_++|(?<!_)_++(?!\w)")
"""Underscores around words, as Markdown has them; those within a name belong to it."""

_MARKS = 30
"""Combining marks composed with one letter: Unicode's stream-safe limit (UAX #15 §13). What is beyond stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A text as rules see it.

    ``starts`` and ``ends`` give, for each character of ``text``, where the piece of the original that it stands for
    starts and ends; both are None where no offset moved.
    """

    text: str
    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in the original of the characters ``start`` to ``end`` (exclusive, not empty)."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def covering(form: Plain, start: int, end: int) -> tuple[int, int]:
    """Return the smallest piece of the original that holds what the characters ``start`` to ``end`` stand for.

    It is what `Plain.original` returns where ``form`` keeps the order of the original.
    """
    if form.starts is None or form.ends is None:
        return start, end
    return min(form.starts[start:end]), max(form.ends[start:end])


def over(inner: Plain, outer: Plain) -> Plain:
    """Return ``outer``, a form of the text of ``inner``, with offsets into the original of ``inner``."""
    if inner.starts is None or inner.ends is None:
        return outer
    if outer.starts is None or outer.ends is None:
        return Plain(text=outer.text, starts=inner.starts, ends=inner.ends)
    pieces = [covering(inner, start, end) for start, end in zip(outer.starts, outer.ends, strict=True)]
    return Plain(
        text=outer.text, starts=tuple(start for start, _ in pieces), ends=tuple(end for _, end in pieces)
    )


def plain(text: str) -> Plain:
    """Return ``text`` case-folded in NFKC, with one kind of quotes and dashes, nothing invisible and no emphasis.

    Takes time and memory linear in the length of ``text``, whatever is in it. What is plain stays as it is.
    """
    folded = text.lower() if text.isascii() else text.translate(_QUOTES).casefold()
    if (
        len(folded) == len(text)
        and unicodedata.is_normalized("NFKC", folded)
        and _INVISIBLE.search(folded) is None
    ):
        return Plain(text=_bare(folded))
    return _mapped(text)


def _bare(text: str) -> str:
    """Return ``text`` with spaces for the signs around words, so that no offset moves."""
    if "`" in text:
        text = text.replace("`", "'")
    if "_" in text:
        text = _EMPHASIS.sub(lambda found: " " * len(found[0]), text)
    return text


def _mapped(text: str) -> Plain:
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        made = _fold(text[start:end])
        characters.append(made)
        starts += [start] * len(made)
        ends += [end] * len(made)
    return Plain(text=_bare("".join(characters)), starts=tuple(starts), ends=tuple(ends))


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Yield the bounds of each character with the marks, and the invisible characters, that follow it."""
    start = 0
    for index in range(1, len(text) + 1):
        if index < len(text) and index - start <= _MARKS and _follows(text[index]):
            continue
        yield start, index
        start = index


@lru_cache(maxsize=4096)
def _follows(character: str) -> bool:
    folded = _fold(character)
    return not folded or unicodedata.combining(character) > 0 or unicodedata.combining(folded[0]) > 0


@lru_cache(maxsize=4096)
def _fold(cluster: str) -> str:
    folded = unicodedata.normalize("NFKC", cluster.translate(_QUOTES)).casefold()
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFKC", folded))
    return unicodedata.normalize("NFKC", visible).translate(_QUOTES)


_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2060-\u206f\u3164\ufeff\uffa0"
    "\u202a-\u202e"  # directions
    "\ufe00-\ufe0d\ufff0-\ufffb\U000e0000-\U000e0fff"  # selectors that emoji do not use, and tags
    "\ud800-\udfff"  # halves of pairs
    "]"
    "|(?<=[\ufe0e\ufe0f\u200c\u200d])[\ufe0e\ufe0f\u200c\u200d](?![\u2600-\u27bf\U0001f000-\U0001faff])"
    "|(?:(?<=[\x00-\u024f])|^)[\ufe0e\ufe0f\u200c\u200d](?!\u20e3)"
)
"""What shows nothing, or nothing of its own. Joiners and emoji selectors stay where scripts and emoji need them."""

_OVERRIDDEN = re.compile("\u202e([^\u202a-\u202e\u2066-\u2069\n\r]*)[\u202c\u202d]?")
"""Text that is shown from right to left whatever is in it (UAX #9, RLO), up to what ends it."""


def clean(text: str) -> str:
    """Return what a reader sees of ``text``, which is what a model may see of it.

    Without tag characters, variation selectors that carry nothing visible, zero-width characters, controls (but for tabs
    and ends of lines) and halves of surrogate pairs; what a bidirectional override turns round is written as it is shown.
    Takes time linear in the length of ``text``. What is clean is returned as it is.
    """
    if text.isascii() and _UNSEEN.search(text) is None:
        return text
    if "\u202e" in text:
        text = _OVERRIDDEN.sub(lambda found: found[1][::-1], text)
    previous = None
    while previous != text:  # what is left between two selectors may leave one where none belongs
        previous, text = text, _UNSEEN.sub("", text)
    return text


def readable(text: str) -> str:
    """Return ``text`` without its disguises, for a classifier: look-alikes, leet, signs between letters, encodings.

    It equals ``text``, apart from case and spaces, if nothing is disguised. Linear in the length of ``text``.
    """
    from .readable import read  # it needs this module, and lists and a lexicon that only this function needs

    return read(text)
