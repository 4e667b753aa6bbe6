"""Blot out parts of a text, also of one that is shown while it grows. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from rostra.verdicts import Span

MASK = "[{category}]"
"""What stands where something was blotted out: its category, which a screen reader can read out, and a model can use."""


def mask(text: str, spans: Iterable[Span]) -> str:
    """Return ``text`` with each of ``spans`` replaced by its category in brackets; spans that touch become one."""
    blots = Blots()
    blots.add(spans)
    return blots.shown(text, 0, len(text))


class Blots:
    """What is to be blotted out of one growing text, and how its pieces read with that.

    What `shown` returned for consecutive pieces, joined, is what it returns for all of them at once, as long as no span
    was added in between that begins before the end of what was asked for.
    """

    def __init__(self) -> None:
        self._spans: list[Span] = []  # in order, apart from one another

    def __bool__(self) -> bool:
        return bool(self._spans)

    def add(self, spans: Iterable[Span], offset: int = 0) -> int | None:
        """Take in ``spans`` of the text from ``offset`` on. Return where the first new one begins; None if none is new."""
        moved = [
            Span(start=span.start + offset, end=span.end + offset, category=span.category) for span in spans
        ]
        new = [span for span in moved if span.end > span.start and not self._covers(span)]
        if not new:
            return None
        self._spans = _merged([*self._spans, *new])
        return min(span.start for span in new)

    def shown(self, text: str, start: int, end: int) -> str:
        """Return how ``text[start:end]`` reads. A blot is written where it begins, so once, wherever the text is cut."""
        pieces: list[str] = []
        for span in self._spans:
            if span.end <= start:
                continue
            if span.start >= end:
                break
            if span.start >= start:
                pieces += (text[start : span.start], MASK.format(category=span.category))
            start = min(span.end, end)
        return "".join((*pieces, text[start:end]))

    def _covers(self, span: Span) -> bool:
        at = bisect_right(self._spans, span.start, key=lambda each: each.start) - 1
        return at >= 0 and span.end <= self._spans[at].end


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
        elif span.end > last.end:
            merged[-1] = Span(start=last.start, end=span.end, category=last.category)
    return merged
