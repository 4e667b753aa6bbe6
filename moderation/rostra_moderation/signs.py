"""Signs of spam and of personal data in a message: links, floods, addresses, numbers, keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from rostra.clock import Clock, SystemClock
from rostra.verdicts import Passage

from . import flood, links, pii
from .flood import FloodSettings, Memory
from .links import LinkSettings
from .matching import Pattern
from .pii import PiiSettings

_ANY = (
    r"@|://|www\.|[[:alnum:]%]\.[a-z]|[^\x00-\x7f]\.[a-z]|\.[^\x00-\x7f]|\d(?:[ ()./-]{0,3}\d){6}|\S{20}|<!|[\[({]\s?at\s?[\])}]"
    r"|[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){2}|(?:[0-9a-f]{0,4}:){2}|-----begin"
)
"""Without one of these there is nothing to find: one pass instead of a dozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Something found: characters ``start`` to ``end`` (exclusive) of the text."""

    rule: str
    category: str
    severity: float
    start: int
    end: int


class Signs:
    """Looks for what settings ask for, in the original text."""

    def __init__(
        self, private: PiiSettings, linked: LinkSettings, floods: FloodSettings, clock: Clock | None = None
    ) -> None:
        self._private: Mapping[str, float] = {
            kind: weight for kind, weight in private.model_dump().items() if weight != "off"
        }
        self._links = linked
        self._flood = floods
        self._memory = Memory(floods, clock or SystemClock()) if floods.repeats else None
        self._any = Pattern(_ANY)

    def find(self, passage: Passage, data: bytes) -> Iterator[Sign]:
        """Yield what is found in ``passage``; ``data`` is its text in lower case, in UTF-8."""
        if self._memory is not None and passage.direction == "question" and self._memory.is_flood(passage):
            weight = self._flood.severity
            if weight != "off":
                yield _sign("flood/repeats", "spam", weight, (0, len(passage.text)))
        if not self._any.occurs(data):
            return
        text = passage.text
        for each in pii.find(text) if self._private else ():
            if each.kind in self._private:
                yield _sign(f"pii/{each.kind}", "pii", self._private[each.kind], (each.start, each.end))
        yield from self._linked(text)
        if "@" in text or "<!" in text:
            yield from self._mentions(text)

    def _linked(self, text: str) -> Iterator[Sign]:
        settings = self._links
        weights: Mapping[links.Why, float | Literal["off"]] = {
            "blocked": settings.blocked,
            "invite": settings.invites,
            "disguised": settings.disguised,
            "lookalike": settings.disguised,
            "other": settings.others,
        }
        for link in links.find(text):
            if not links.is_allowed(link, settings):
                why = links.judge(link, settings)
                weight = weights[why]
                if weight != "off":
                    yield _sign(f"links/{why}", "spam", weight, (link.start, link.end))

    def _mentions(self, text: str) -> Iterator[Sign]:
        settings = self._flood
        named = flood.mentions(text)
        if len(named) > settings.mentions and settings.severity != "off":
            yield _sign("flood/mentions", "spam", settings.severity, (named[0][0], named[-1][1]))
        called = flood.everybody(text)
        if called is not None and settings.everybody != "off":
            yield _sign("flood/everybody", "spam", settings.everybody, called)


def _sign(rule: str, category: str, severity: float, where: tuple[int, int]) -> Sign:
    return Sign(rule=rule, category=category, severity=severity, start=where[0], end=where[1])
