"""What those who answer at once have said of the windows of one text, as if they had been asked about all of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from rostra.verdicts import Span, Verdict

_SPANS = 1_000
"""Spans kept by moderator. A text with more of them is blotted out by the ruling on all of it, at its end."""


class Heard:
    """One verdict by moderator, of all windows so far."""

    def __init__(self) -> None:
        self._verdicts: dict[str, Verdict] = {}

    @property
    def verdicts(self) -> Sequence[Verdict]:
        return tuple(self._verdicts.values())

    def add(self, verdicts: Sequence[Verdict], offset: int) -> None:
        """Take in what was said of the text from ``offset`` on."""
        for verdict in verdicts:
            moved = tuple(
                Span(start=span.start + offset, end=span.end + offset, category=span.category)
                for span in verdict.spans
            )
            before = self._verdicts.get(verdict.source)
            now = replace(verdict, spans=moved) if offset else verdict
            self._verdicts[verdict.source] = now if before is None else _joined(before, now)


def _joined(before: Verdict, now: Verdict) -> Verdict:
    """Return the stricter of two verdicts, with the scores and spans of both. One that failed has the last word."""
    if before.kind != "judged" or now.kind != "judged":
        return before if before.kind != "judged" else now
    if not before.spans and not before.categories and now.decision >= before.decision:
        return now
    scores = dict(before.categories)
    for category, score in now.categories.items():
        scores[category] = max(score, scores.get(category, 0.0))
    stricter = now if (now.decision, now.score) > (before.decision, before.score) else before
    spans = tuple(dict.fromkeys((*before.spans, *now.spans)))[:_SPANS]
    return replace(stricter, categories=MappingProxyType(scores), spans=spans)
