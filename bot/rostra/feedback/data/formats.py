"""The formats by name: each is a pure function of canonical records, and most can be read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, TypeAlias, get_args

from .pairs import How
from .record import Plain, Record
from .shapes import KINDS, Kind

Name: TypeAlias = Literal["canonical", "trl", "trl-unpaired", "hh", "openai", "oasst", "arena"]
NAMES: tuple[Name, ...] = get_args(Name)

Labels: TypeAlias = Literal["each", "soft"]
"""One row a rater and pair; one row a pair with the share of raters."""

LABELS: tuple[Labels, ...] = get_args(Labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How rankings become pairs, where a format has pairs."""

    pairs: How = "all"
    labels: Labels = "each"


EVERYTHING = Options()

Rows: TypeAlias = Callable[[Sequence[Record], Options, Counter[str]], Iterator[Plain]]
"""Yields the rows of all judgments of one batch, in their order; counts what the format cannot say, by reason."""

Read: TypeAlias = Callable[[Iterable[Plain], Counter[str]], Iterator[Record]]
"""Yields the records that rows say; counts rows that it cannot use, by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format. ``loses`` says in one sentence what of a record is not in it; ``about`` what its columns are.

    ``kinds`` are the files that its readers take. ``lines`` yields what ``rows`` yields as lines of JSON, where that can be had faster.
    ``soft`` says that it can hold a share instead of a label.
    """

    name: Name
    shape: Plain
    rows: Rows
    read: Read
    loses: str
    about: Mapping[str, str]
    kinds: tuple[Kind, ...] = KINDS
    lines: Callable[[Sequence[Record]], Iterator[bytes]] | None = None
    soft: bool = False


_WHERE: Mapping[Name, str] = {
    "canonical": ".canonical",
    "trl": ".trl",
    "trl-unpaired": ".trl_unpaired",
    "hh": ".hh",
    "openai": ".openai",
    "oasst": ".oasst",
    "arena": ".arena",
}


def format_called(name: Name) -> Format:
    """Return the format."""
    found: Format = import_module(_WHERE[name], __package__).FORMAT
    return found
