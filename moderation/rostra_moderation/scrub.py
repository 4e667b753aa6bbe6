"""Personal data and secrets out of texts that leave as a dataset: the scrubber ``pii``."""

from __future__ import annotations

from collections import Counter

from rostra.feedback.data.scrub import Scrubbed
from rostra.verdicts import Span

from .masking import mask
from .pii import find


class Pii:
    """Puts the kind in brackets where something personal stood: ``[email]``, ``[phone]``, ``[card]`` and so on."""

    version = "pii/1"

    def __call__(self, text: str) -> Scrubbed:
        """Return the text without what `rostra_moderation.pii.find` finds in it, addresses of machines included."""
        found = find(text)
        if not found:
            return Scrubbed(text=text)
        spans = [Span(start=one.start, end=one.end, category=one.kind) for one in found]
        return Scrubbed(text=mask(text, spans), found=Counter(one.kind for one in found))


scrub = Pii()
