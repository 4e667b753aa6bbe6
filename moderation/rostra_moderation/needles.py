"""What rules look for: patterns, and words that may be disguised, out of word lists and of what an operator adds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict

from rostra.verdicts import Direction

from .normalise import plain
from .wordlists import Category, Rule, Severity, load, of_pattern, of_term

_ONE_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no spaces between words, so that any place may be a word's end."""


class Own(BaseModel):
    """Words or patterns of an operator. ``direction`` None: in questions and in answers.

    Words that are ``severe`` are also looked for turned round, in rot13 and with their inner letters shuffled.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    find: tuple[str, ...]
    category: Category = "custom"
    severity: Severity = 1.0
    direction: Direction | None = None
    severe: bool = False


def _own(value: object) -> object:
    return {"find": cast("object", value)} if isinstance(value, list | tuple) else value


Entry: TypeAlias = Annotated[Own, BeforeValidator(_own)]
"""What an operator looks for under one name: a table, or only a list of what to find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """One thing to look for: ``pattern`` of google-re2, or the word ``word``, as `plain` has it.

    ``whole``: only where it stands as words of its own. ``severe``: a word looked for in every disguise.
    """

    rule: str
    category: str
    severity: float
    direction: Direction | None
    pattern: str = ""
    word: str = ""
    whole: bool = True
    severe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """All that a rules moderator looks for, and the patterns of what it overlooks."""

    patterns: Sequence[Needle]
    words: Sequence[Needle]
    allow: Sequence[str]


def sought(
    lists: Sequence[str],
    base: Path,
    *,
    words: Mapping[str, Own],
    patterns: Mapping[str, Own],
    allow: Sequence[str],
) -> Sought:
    """Return what the word lists ``lists`` and an operator's own ``words`` and ``patterns`` look for.

    Raises `ConfigError`.
    """
    needles: list[Needle] = []
    overlooked = [_bounded(each) for each in allow]
    for listed in lists:
        found = load(listed, base)
        overlooked += [_whole(of_pattern(pattern, found.parts)) for pattern in found.allow]
        needles += [needle for rule in found.rules for needle in _listed(rule, found.parts)]
    for name, own in words.items():
        needles += [_termed(f"words/{name}", term, own, severe=own.severe) for term in own.find]
    for name, own in patterns.items():
        needles += [
            Needle(
                rule=f"patterns/{name}",
                category=own.category,
                severity=own.severity,
                direction=own.direction,
                pattern=pattern,
                whole=False,
            )
            for pattern in own.find
        ]
    return Sought(
        patterns=[needle for needle in needles if needle.pattern],
        words=[needle for needle in needles if needle.word],
        allow=overlooked,
    )


def _listed(rule: Rule, parts: Mapping[str, str]) -> Iterator[Needle]:
    for term in rule.all_terms:
        yield _termed(rule.id, term, rule, severe=rule.severe)
    for pattern in rule.patterns:
        yield Needle(
            rule=rule.id,
            category=rule.category,
            severity=rule.severity,
            direction=rule.direction,
            pattern=_whole(of_pattern(pattern, parts)),
        )


def _termed(name: str, term: str, source: Rule | Own, *, severe: bool) -> Needle:
    """Return the needle of one word or phrase: words are looked up, phrases are patterns."""
    pattern = of_term(term)  # which refuses what is empty
    written = plain(term).text.strip()
    unspaced = _UNSPACED.search(written) is not None
    single = not unspaced and _ONE_WORD.fullmatch(written) is not None
    return Needle(
        rule=name,
        category=source.category,
        severity=source.severity,
        direction=source.direction,
        word=written if single else "",
        pattern="" if single else pattern if unspaced else _bounded(term),
        whole=not unspaced,
        severe=severe,
    )


def _whole(pattern: str) -> str:
    """Return ``pattern`` for whole words: as far as google-re2 can tell, the rest is the moderator's.

    A pattern may end in a mark, so what follows may be the end of a word, of the text, or another mark.
    """
    # To google-re2 a letter beyond ASCII is no letter, so that no word begins with one.
    start = "" if pattern[0].isalpha() and not pattern[0].isascii() else r"\b"
    return rf"{start}(?:{pattern})(?:\b|$|\W)"


def _bounded(term: str) -> str:
    pattern = of_term(term)
    written = plain(term).text.strip()
    return f"{_bound(written[0])}{pattern}{_bound(written[-1])}"


def _bound(character: str) -> str:
    return r"\b" if character.isascii() and character.isalnum() else ""
