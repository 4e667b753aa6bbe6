"""Personal data out of texts: what every export takes out, and the scrubber that an installed package brings.

A scrubber is an entry point of the group ``rostra.scrubbers``: a function from a text to a `Scrubbed`, with an attribute
``version`` that changes whenever the same text would come out differently.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Protocol

from .record import DatasetError

GROUP = "rostra.scrubbers"

_MENTION = re.compile(r"<(?:@[!&]?\d{5,25}|#\d{5,25}|[@#][A-Z][A-Z0-9]{5,20}(?:\|[^<>\n]{0,80})?)>")
"""How Discord and Slack write people and channels: ids of the platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrubbed:
    """A text without what was personal in it; ``found`` counts what that was, by kind."""

    text: str
    found: Mapping[str, int] = field(default_factory=dict[str, int])


class Scrubber(Protocol):
    """Takes personal data out of texts. Must give the same text for the same text."""

    @property
    def version(self) -> str:
        """Name and version, as they stand in manifests."""
        ...

    def __call__(self, text: str) -> Scrubbed:
        """Return the text without personal data."""
        ...


def installed(name: str = "pii") -> Scrubber:
    """Return the scrubber with this name. Raises `DatasetError` where there is none: nothing goes out unscrubbed by accident."""
    offers = {point.name: point for point in entry_points(group=GROUP)}
    if name not in offers:
        known = ", ".join(sorted(offers)) or "none"
        raise DatasetError(
            f"no scrubber {name!r} is installed ({known}); say --no-scrub to leave texts as they are"
        )
    found: Scrubber = offers[name].load()
    return found


def clean(text: str, scrubber: Scrubber | None, found: Counter[str]) -> str:
    """Return ``text`` as it goes into a file: without mentions, without what ``scrubber`` finds, and valid as UTF-8."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    if "<" in text:
        text, count = _MENTION.subn("[mention]", text)
        if count:
            found["mention"] += count
    if scrubber is None or not text:
        return text
    scrubbed = scrubber(text)
    found.update(scrubbed.found)
    return scrubbed.text
