"""A moderator that looks for words and patterns. Knows nothing of meaning; costs microseconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict

from rostra.components import Component, ComponentSettings, Finding, Services
from rostra.errors import ConfigError
from rostra.verdicts import Decision, Direction, Passage, Span, Verdict

from .combine import AT_ONCE
from .matching import Pattern, Patterns
from .normalise import Plain, plain
from .wordlists import Category, Rule, Severity, load, of_pattern, of_term

BLOCK, FLAG = 0.7, 0.4
"""Severities from which rules, asked without a policy, would block or flag."""

_SPANS = 100
"""Spans of one pattern that a verdict lists; further ones add nothing to a decision."""


class Own(BaseModel):
    """Words or patterns of an operator. ``direction`` None: in questions and in answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    find: tuple[str, ...]
    category: Category = "custom"
    severity: Severity = 1.0
    direction: Direction | None = None


def _own(value: object) -> object:
    return {"find": cast("object", value)} if isinstance(value, list | tuple) else value


class RulesSettings(ComponentSettings):
    r"""What to look for, beside what is always looked for.

    ::

        [moderators.rules]
        lists = ["en", "de", "./house.toml"]
        allow = ["black mamba"]
        words.spoilers = ["rosebud", "soylent green"]
        patterns.invites = { find = ['discord\.gg/\w+'], category = "spam", severity = 0.9 }

    ``words`` are found as whole words, ``patterns`` (google-re2's) anywhere; both in any case. What stands in ``allow``
    (words, found as such) is overlooked by everything.
    """

    lists: tuple[str, ...] = ("en", "de")
    words: Mapping[str, Annotated[Own, BeforeValidator(_own)]] = {}
    patterns: Mapping[str, Annotated[Own, BeforeValidator(_own)]] = {}
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """One pattern to look for. ``whole``: only where it stands as words of its own."""

    rule: str
    category: str
    severity: float
    direction: Direction | None
    pattern: str
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hit:
    needle: Needle
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
            if needle.whole and not _is_whole(text.text, start, stop):
                continue
            begin, beyond = text.original(start, stop)
            yield _Hit(needle=needle, span=Span(start=begin, end=beyond, category=needle.category))


def _is_whole(text: str, start: int, end: int) -> bool:
    """Say whether no word goes on before or after. google-re2 knows the letters of ASCII only."""
    before = start > 0 and text[start].isalnum() and text[start - 1].isalnum()
    after = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not before and not after


class Rules:
    """A `rostra.protocols.Moderator` that answers at once: `judge_now` needs no event loop."""

    def __init__(self, name: str, needles: Sequence[Needle], allow: Sequence[str] = ()) -> None:
        """``allow``: patterns of what is overlooked by all needles."""
        self.name = name
        self._needles = needles
        self._patterns = Patterns([needle.pattern for needle in needles])
        self._allow = Pattern("|".join(f"(?:{pattern})" for pattern in allow)) if allow else None
        self._fine = Verdict(decision=Decision.ALLOW, source=name)

    async def judge(self, passage: Passage) -> Verdict:
        if len(passage.text) <= AT_ONCE:
            return self.judge_now(passage)
        return await asyncio.to_thread(self.judge_now, passage)

    def judge_now(self, passage: Passage) -> Verdict:
        """Return scores and spans: a score is the severity of the severest thing found in its category."""
        text = plain(passage.text)
        data = text.text.encode("utf-8", "replace")
        indices = self._patterns.which(data)
        if not indices:
            return self._fine
        if self._allow is not None:
            data = _masked(data, self._allow)
            indices = self._patterns.which(data)
        haystack = _Haystack(text, data)
        hits: list[_Hit] = []
        for index in indices:
            needle = self._needles[index]
            if needle.direction in {None, passage.direction}:
                hits += islice(haystack.hits(needle, self._patterns.spans(index, data)), _SPANS)
        return self._verdict(hits) if hits else self._fine

    def _verdict(self, hits: Sequence[_Hit]) -> Verdict:
        worst = max(hits, key=lambda hit: hit.needle.severity).needle
        categories: dict[str, float] = {}
        for hit in hits:
            category = hit.needle.category
            categories[category] = max(hit.needle.severity, categories.get(category, 0.0))
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


def _masked(data: bytes, allow: Pattern) -> bytes:
    """Return ``data`` with what is allowed made into words that mean nothing, character for character."""
    pieces: list[bytes] = []
    last = 0
    for start, end in allow.spans(data):
        pieces += (data[last:start], b"x" * len(data[start:end].decode()))
        last = end
    return b"".join((*pieces, data[last:]))


def _whole(pattern: str) -> str:
    """Return ``pattern`` for whole words: as far as google-re2 can tell, the rest is `_is_whole`'s.

    A pattern may end in a mark, so what follows may be the end of a word, of the text, or another mark.
    """
    return rf"{_start(pattern)}(?:{pattern})(?:\b|$|\W)"


def _start(pattern: str) -> str:
    # To google-re2 a letter beyond ASCII is no letter, so that no word begins with one.
    return "" if pattern[0].isalpha() and not pattern[0].isascii() else r"\b"


def _listed(rule: Rule, parts: Mapping[str, str]) -> Iterator[Needle]:
    terms = (_term(term) for term in rule.terms)
    patterns = (_whole(of_pattern(pattern, parts)) for pattern in rule.patterns)
    for pattern in (*terms, *patterns):
        yield Needle(
            rule=rule.id,
            category=rule.category,
            severity=rule.severity,
            direction=rule.direction,
            pattern=pattern,
        )


def _owned(name: str, own: Own, *, whole: bool) -> Iterator[Needle]:
    for find in own.find:
        yield Needle(
            rule=name,
            category=own.category,
            severity=own.severity,
            direction=own.direction,
            pattern=_term(find) if whole else find,
            whole=whole,
        )


def _term(term: str) -> str:
    pattern = of_term(term)
    written = plain(term).text.strip()
    return f"{_bound(written[0])}{pattern}{_bound(written[-1])}"


def _bound(character: str) -> str:
    return r"\b" if character.isascii() and character.isalnum() else ""


def needles_of(settings: RulesSettings, base: Path) -> tuple[list[Needle], list[str]]:
    """Return all that ``settings`` look for, and the patterns of what they overlook. Raises `ConfigError`."""
    needles: list[Needle] = []
    allow: list[str] = [_term(words) for words in settings.allow]
    for listed in settings.lists:
        found = load(listed, base)
        allow += [_whole(of_pattern(pattern, found.parts)) for pattern in found.allow]
        needles += [needle for rule in found.rules for needle in _listed(rule, found.parts)]
    for rule, own in settings.words.items():
        needles += _owned(f"words/{rule}", own, whole=True)
    for rule, own in settings.patterns.items():
        needles += _owned(f"patterns/{rule}", own, whole=False)
    return needles, allow


def build(name: str, settings: RulesSettings, base: Path) -> Rules:
    """Return the moderator that ``settings`` ask for. Raises `ConfigError`."""
    needles, allow = needles_of(settings, base)
    try:
        return Rules(name, needles, allow)
    except ValueError as error:
        raise ConfigError(f"moderator {name!r}: {error}") from error


@asynccontextmanager
async def _open(settings: RulesSettings, services: Services) -> AsyncGenerator[Rules]:
    yield build(services.name, settings, services.base)


async def _check(settings: RulesSettings, services: Services) -> Sequence[Finding]:
    try:
        build(services.name, settings, services.base)
    except ConfigError as error:
        return [Finding(ok=False, what=str(error), advice="correct the list or the pattern")]
    return [Finding(ok=True, what=f"word lists {', '.join(settings.lists) or 'none'} can be read")]


component = Component(name="rules", settings=RulesSettings, open=_open, check=_check)
