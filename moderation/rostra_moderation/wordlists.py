"""Word lists: what rules look for, as data.

A list is a TOML file. ``[parts]`` names pieces of patterns, ``allow`` phrases that mean no harm whatever is in them, and
each ``[[rules]]`` what to look for::

    allow = ["bath bombs?"]

    [parts]
    make = "make|build"

    [[rules]]
    id = "bombs"
    category = "illicit/violent"
    severity = 0.95
    terms = ["pipe bomb recipe"]
    patterns = ["how to {make} (?:a )?bomb"]

    [[rules]]
    id = "insults"
    category = "harassment"
    severity = 0.6
    severe = true
    forms = ["s"]
    words = "twerp nitwit"

``words`` are single words with spaces between them, each found as it is and with each of ``forms`` at its end. Those of a
rule that is ``severe`` are also looked for turned round, in rot13 and with their inner letters shuffled. The words and
terms of a rule are a part that later patterns can name by the rule's id: ``{insults}``.

Everything is matched in lower case against whole words. A space stands for any run of spaces and of signs that end no
sentence, ``{name}`` for a part. Patterns are google-re2's (https://github.com/google/re2/wiki/Syntax), so no text can
make them slow.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from rostra.errors import ConfigError
from rostra.verdicts import CATEGORIES, Direction

from .matching import escape
from .normalise import plain

BUILT_IN = ("en", "de", "es", "fr")
"""Names of the lists that lie in this package, by language. Each is of one or two files: phrases, and words."""

SPACE = r"(?:[\s,*_\"'()~-]+)"
"""What a space of a pattern stands for: it joins words, and does not reach over the end of a sentence."""

_PART = re.compile(r"\{([a-z_-]+)\}")
_PART_DEPTH = 8


def _category(name: str) -> str:
    if name not in CATEGORIES:
        raise ValueError(f"no category {name!r}; the categories are {', '.join(CATEGORIES)}")
    return name


Category = Annotated[str, AfterValidator(_category)]
"""A name of `rostra.verdicts.CATEGORIES`, checked."""

Severity = Annotated[float, Field(ge=0, le=1)]
"""How bad a thing is: what it scores in its category."""


class Rule(BaseModel):
    """Terms and patterns that mean the same harm. ``direction`` None: in questions and in answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)*$")]
    category: Category = "custom"
    severity: Severity = 1.0
    direction: Direction | None = None
    severe: bool = False
    words: str = ""
    forms: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    @property
    def all_terms(self) -> tuple[str, ...]:
        """The words with all their forms, and the terms."""
        return (*self.terms, *(word + form for word in self.words.split() for form in ("", *self.forms)))


class WordList(BaseModel):
    """One list, as its file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow: tuple[str, ...] = ()
    parts: Mapping[str, str] = {}
    rules: tuple[Rule, ...] = ()


def load(name: str, base: Path) -> WordList:
    """Return the built-in list ``name``, or the one in the file it points to (``./words.toml``, from ``base``).

    Its rules' ids start with the list's name. Raises `ConfigError`.
    """
    if name in BUILT_IN:
        found = [_parsed(name, text) for text in _built_in(name)]
        stem = name
    elif name.startswith((".", "/")):
        stem, found = Path(name).stem, [_parsed(name, _read(base / name))]
    else:
        raise ConfigError(
            f"no word list {name!r}; built in are {', '.join(BUILT_IN)}, and './words.toml' is a file"
        )
    return WordList(
        allow=tuple(phrase for each in found for phrase in each.allow),
        parts={part: pattern for each in found for part, pattern in each.parts.items()},
        rules=tuple(
            rule.model_copy(update={"id": f"{stem}/{rule.id}"}) for each in found for rule in each.rules
        ),
    )


def _built_in(name: str) -> Iterator[str]:
    folder = files("rostra_moderation").joinpath("words")
    for file in (folder.joinpath(f"{name}.toml"), folder.joinpath(f"{name}-words.toml")):
        if file.is_file():
            yield file.read_text(encoding="utf-8")


def _parsed(name: str, text: str) -> WordList:
    try:
        found = WordList.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(f"word list {name!r}: {error}") from error
    return found.model_copy(update={"parts": {**_rule_parts(found.rules), **found.parts}})


def _rule_parts(rules: Sequence[Rule]) -> Mapping[str, str]:
    """Return the words and terms of each rule as a part of patterns, by the rule's id."""
    return {
        rule.id: "|".join(" ".join(map(escape, plain(term).text.split())) for term in rule.all_terms)
        for rule in rules
        if rule.all_terms
    }


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"word list {str(path)!r} cannot be read: {error}") from error


def of_term(term: str) -> str:
    """Return the pattern that finds ``term``, a word or a phrase, as it is written."""
    words = plain(term).text.split()
    if not words:
        raise ConfigError(f"the term {term!r} is empty; write a word or a phrase")
    return SPACE.join(escape(word) for word in words)


def of_pattern(pattern: str, parts: Mapping[str, str]) -> str:
    """Return ``pattern`` with its parts and spaces written out. Raises `ConfigError` if a part is missing."""
    return _whole(pattern, parts, _PART_DEPTH).replace(" ", SPACE)


def _whole(pattern: str, parts: Mapping[str, str], depth: int) -> str:
    def part(found: re.Match[str]) -> str:
        if found[1] not in parts:
            raise ConfigError(
                f"the pattern {pattern!r} names no part {found[1]!r}; parts: {', '.join(parts) or 'none'}"
            )
        if depth == 0:
            raise ConfigError(f"the part {found[1]!r} contains itself")
        return f"(?:{_whole(parts[found[1]], parts, depth - 1)})"

    return _PART.sub(part, pattern)
