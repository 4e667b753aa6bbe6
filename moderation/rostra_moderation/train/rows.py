"""A text to learn from, and what is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..heads import HEADS

BENIGN: Mapping[str, int] = MappingProxyType(dict.fromkeys(HEADS, 0))
"""Nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``labels`` maps heads to 1 or 0; what a source does not say about a head is left out, and teaches it nothing.

    For an answer, ``question`` is what was asked. ``source`` is the set or the written group the text comes from: what
    is split into training and validation is sources.
    """

    text: str
    labels: Mapping[str, int]
    source: str
    question: str = ""
    weight: float = field(default=1.0)

    @property
    def harmful(self) -> bool:
        return any(self.labels.values())


def only(*heads: str) -> Mapping[str, int]:
    """Return labels for a text that is all of ``heads`` and of which nothing else is known."""
    return MappingProxyType(dict.fromkeys(heads, 1))


def but(*heads: str) -> Mapping[str, int]:
    """Return labels for a text that is nothing of `HEADS`, but may be any of ``heads``."""
    return MappingProxyType({head: 0 for head in HEADS if head not in heads})


def said(positive: tuple[str, ...], negative: tuple[str, ...] = ()) -> Mapping[str, int]:
    """Return labels for a text that is all of ``positive`` and none of ``negative``."""
    return MappingProxyType({**dict.fromkeys(negative, 0), **dict.fromkeys(positive, 1)})
