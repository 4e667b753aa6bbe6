"""A text in pieces, those that were found to be something told from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rostra.verdicts import Span

from ...console_text import clean

MOST = 500
"""Spans that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Part of a text; ``found`` is what was found there, empty where nothing was."""

    text: str
    found: str = ""


def marked(text: str, spans: Sequence[Span]) -> Sequence[Piece]:
    """Return ``text`` in pieces. Spans may overlap, and what lies outside of the text is left out.

    >>> [(one.text, one.found) for one in marked("a bad word", [Span(start=2, end=5, category="hate")])]
    [('a ', ''), ('bad', 'hate'), (' word', '')]
    """
    inside = [one for one in spans[:MOST] if 0 <= one.start < min(one.end, len(text))]
    edges = sorted({0, len(text), *(min(at, len(text)) for one in inside for at in (one.start, one.end))})
    pieces: list[Piece] = []
    for start, end in pairwise(edges):
        found = dict.fromkeys(one.category for one in inside if one.start <= start and end <= one.end)
        pieces.append(Piece(text=clean(text[start:end]), found=", ".join(found)))
    return pieces
