"""A moderator that looks for words, patterns, links, floods and personal data. Costs microseconds, understands nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from rostra.clock import Clock
from rostra.components import Component, ComponentSettings, Finding, Services
from rostra.errors import ConfigError
from rostra.verdicts import Decision, Passage, Span, Verdict

from .combine import AT_ONCE
from .flood import FloodSettings
from .links import LinkSettings
from .matching import Pattern, Patterns
from .needles import Entry, Needle, Sought, sought
from .normalise import Plain, covering, over, plain
from .pii import PiiSettings
from .signs import Sign, Signs
from .skeleton import skeleton
from .words import Words

BLOCK, FLAG = 0.7, 0.4
"""Severities from which rules, asked without a policy, would block or flag."""

_SPANS = 100
"""Spans of one pattern that a verdict lists; further ones add nothing to a decision."""

_DISGUISED = 0.15
"""What disguising a severe word adds to its severity: who quotes or reports a word has no need to hide it.

Stars add nothing, since those who quote put them, and accents do not, since languages have them.
"""

_FIRST_UNUSUAL = "\u0250"


class RulesSettings(ComponentSettings):
    r"""What to look for, beside what is always looked for.

    ::

        [moderators.rules]
        lists = ["en", "de", "./house.toml"]
        allow = ["black mamba"]
        words.spoilers = ["rosebud", "soylent green"]
        words.worse = { find = ["xyzzy"], category = "hate", severity = 0.9, severe = true }
        patterns.invites = { find = ['discord\.gg/\w+'], category = "spam", severity = 0.9 }
        pii = { ip = 0.5, phone = "off" }
        links = { block = ["evil.example"], invites = 0.9 }
        flood = { repeats = 5, seconds = 30 }

    ``words`` are found as whole words, also disguised; ``patterns`` (google-re2's) anywhere; both in any case. What stands
    in ``allow`` (words, found as such) is overlooked by both.
    """

    lists: tuple[str, ...] = ("en", "de", "es", "fr")
    words: Mapping[str, Entry] = {}
    patterns: Mapping[str, Entry] = {}
    allow: tuple[str, ...] = ()
    pii: PiiSettings = PiiSettings()
    links: LinkSettings = LinkSettings()
    flood: FloodSettings = FloodSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hit:
    rule: str
    category: str
    severity: float
    span: Span


class _Haystack:
    """A text to look into: as it is matched, and with the way back to the original."""

    def __init__(self, text: Plain, data: bytes) -> None:
        self._text = text
        self._data = data
        self._narrow = len(data) == len(text.text)

    def hits(self, needle: Needle, found: Iterable[tuple[int, int]]) -> Iterator[_Hit]:
        """Yield where ``needle`` is, given where it was ``found`` in bytes."""
        text = self._text
        characters = last = 0
        for first, end in found:
            if self._narrow:
                start, stop = first, end
            else:
                characters += len(self._data[last:first].decode())
                start, stop = characters, characters + len(self._data[first:end].decode())
                last = first
            if not needle.whole or _is_whole(text.text, start, stop):
                yield _hit(needle, text, start, stop)


def _hit(needle: Needle, text: Plain, start: int, end: int) -> _Hit:
    begin, beyond = covering(text, start, end)
    span = Span(start=begin, end=beyond, category=needle.category)
    return _Hit(rule=needle.rule, category=needle.category, severity=needle.severity, span=span)


def _is_whole(text: str, start: int, end: int) -> bool:
    """Say whether no word goes on before or after. google-re2 knows the letters of ASCII only."""
    before = start > 0 and text[start].isalnum() and text[start - 1].isalnum()
    after = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not before and not after


class Rules:
    """A `rostra.protocols.Moderator` that answers at once: `judge_now` needs no event loop."""

    def __init__(self, name: str, found: Sought, signs: Signs | None = None) -> None:
        self.name = name
        self._needles = found.patterns
        self._patterns = Patterns([needle.pattern for needle in found.patterns])
        self._words = Words(found.words)
        self._signs = signs
        self._allow = Pattern("|".join(f"(?:{pattern})" for pattern in found.allow)) if found.allow else None
        self._fine = Verdict(decision=Decision.ALLOW, source=name)

    async def judge(self, passage: Passage) -> Verdict:
        if len(passage.text) <= AT_ONCE:
            return self.judge_now(passage)
        return await asyncio.to_thread(self.judge_now, passage)

    def judge_now(self, passage: Passage) -> Verdict:
        """Return scores and spans: a score is the severity of the severest thing found in its category."""
        text = passage.text
        form = plain(text)
        data = form.text.encode("utf-8", "replace")
        bare = skeleton(text)
        bare_data = data if bare.text is text else bare.text.encode("utf-8", "replace")
        hits: list[_Hit] = []
        if self._words.suspects(bare.text, bare_data) or (
            bare.text is not text and self._words.occur(form.text)
        ):
            hits += self._everywhere(passage, form, bare)
        else:
            hits += self._in(form, data, passage)
            if bare.text is not text and bare.text.lower() != form.text:
                hits += self._in(over(bare, plain(bare.text)), None, passage)
        if self._signs is not None:
            hits += map(_signed, self._signs.find(passage, data))
        return self._verdict(hits) if hits else self._fine

    def _everywhere(self, passage: Passage, form: Plain, bare: Plain) -> Iterator[_Hit]:
        """Yield what is found in the text, in its skeleton, and in what its disguises say."""
        said = self._words.read(bare)
        views = [form]
        for view in (bare, said):
            if view is not None:
                made = over(view, plain(view.text))
                if made.text not in {each.text for each in views}:
                    views.append(made)
        seen: set[tuple[str, Span]] = set()
        for view in views:
            for hit in self._in(view, None, passage, words=True):
                if (hit.rule, hit.span) not in seen:
                    seen.add((hit.rule, hit.span))
                    yield hit

    def _in(
        self, view: Plain, data: bytes | None, passage: Passage, *, words: bool = False
    ) -> Iterator[_Hit]:
        """Yield what is found in one form of a text."""
        if data is None:
            data = view.text.encode("utf-8", "replace")
        indices = self._patterns.which(data)
        words = words and self._words.occur(view.text)
        if not indices and not words:
            return
        text = view.text
        if self._allow is not None:
            masked = _masked(data, self._allow)
            if masked != data:
                data, text = masked, masked.decode()
                indices = self._patterns.which(data)
        haystack = _Haystack(view, data)
        for index in indices:
            needle = self._needles[index]
            if needle.direction in {None, passage.direction}:
                yield from islice(haystack.hits(needle, self._patterns.spans(index, data)), _SPANS)
        if words:
            yield from islice(self._worded(view, text, passage), _SPANS)

    def _worded(self, view: Plain, text: str, passage: Passage) -> Iterator[_Hit]:
        for needle, start, end in self._words.hits(text):
            if needle.direction in {None, passage.direction}:
                hit = _hit(needle, view, start, end)
                if needle.severe and _is_hidden(passage.text[hit.span.start : hit.span.end], needle.word):
                    severity = min(1.0, hit.severity + _DISGUISED)
                    hit = _Hit(rule=hit.rule, category=hit.category, severity=severity, span=hit.span)
                yield hit

    def _verdict(self, hits: Sequence[_Hit]) -> Verdict:
        worst = max(hits, key=lambda hit: hit.severity)
        categories: dict[str, float] = {}
        for hit in hits:
            categories[hit.category] = max(hit.severity, categories.get(hit.category, 0.0))
        decision = (
            Decision.BLOCK
            if worst.severity >= BLOCK
            else Decision.FLAG
            if worst.severity >= FLAG
            else Decision.ALLOW
        )
        return Verdict(
            decision=decision,
            source=self.name,
            categories=MappingProxyType(categories),
            spans=tuple(sorted((hit.span for hit in hits), key=lambda span: (span.start, span.end))),
            rule=worst.rule,
        )


def _signed(sign: Sign) -> _Hit:
    span = Span(start=sign.start, end=sign.end, category=sign.category)
    return _Hit(rule=sign.rule, category=sign.category, severity=sign.severity, span=span)


def _is_hidden(written: str, word: str) -> bool:
    """Say whether ``written`` hides ``word`` from a filter, rather than from a reader's eye."""
    return (
        written.lower() != word
        and "*" not in written
        and (written.isascii() or any(each >= _FIRST_UNUSUAL for each in written))
    )


def _masked(data: bytes, allow: Pattern) -> bytes:
    """Return ``data`` with what is allowed made into words that mean nothing, character for character."""
    pieces: list[bytes] = []
    last = 0
    for start, end in allow.spans(data):
        pieces += (data[last:start], b"x" * len(data[start:end].decode()))
        last = end
    return b"".join((*pieces, data[last:]))


def sought_by(settings: RulesSettings, base: Path) -> Sought:
    """Return all words and patterns that ``settings`` look for. Raises `ConfigError`."""
    return sought(
        settings.lists, base, words=settings.words, patterns=settings.patterns, allow=settings.allow
    )


def build(name: str, settings: RulesSettings, base: Path, clock: Clock | None = None) -> Rules:
    """Return the moderator that ``settings`` ask for. Raises `ConfigError`."""
    found = sought_by(settings, base)
    try:
        return Rules(name, found, Signs(settings.pii, settings.links, settings.flood, clock))
    except ValueError as error:
        raise ConfigError(f"moderator {name!r}: {error}") from error


@asynccontextmanager
async def _open(settings: RulesSettings, services: Services) -> AsyncGenerator[Rules]:
    yield build(services.name, settings, services.base, services.clock)


async def _check(settings: RulesSettings, services: Services) -> Sequence[Finding]:
    try:
        build(services.name, settings, services.base)
    except ConfigError as error:
        return [Finding(ok=False, what=str(error), advice="correct the list or the pattern")]
    return [Finding(ok=True, what=f"word lists {', '.join(settings.lists) or 'none'} can be read")]


component = Component(name="rules", settings=RulesSettings, open=_open, check=_check)
