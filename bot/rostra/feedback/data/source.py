"""What datasets need of a store, and judgments read from it a portion at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Protocol, TypeVar

from ...versions import Versions
from ..remarks import Remark
from ..stores import Ballots, Consents, Datasets, Judgments
from ..values import Shown

T = TypeVar("T")

PORTION = 1500
"""Judgments whose texts are in memory at a time, about."""


class Source(Ballots, Judgments, Consents, Datasets, Versions, Protocol):
    """A store, as far as datasets need it."""


async def remarks(store: Source, judgments: Sequence[str]) -> Mapping[str, Remark]:
    """Return what was left beside judgments, by their ids."""
    return {one.judgment: one for one in await store.remarks(judgments)}


async def shown(store: Source, batches: Iterable[str]) -> Mapping[str, Shown]:
    """Return batches by id, with their candidates."""
    return {one.batch.id: one for one in await store.shown(list(dict.fromkeys(batches)))}


def by_question(lines: Iterator[bytes]) -> Iterator[list[list[list[bytes]]]]:
    """Yield sorted lines as questions' groups of fields, about `PORTION` lines at a time; no group is cut in two.

    Fields are parted by tabs; those with the same first two belong together.
    """
    portion: list[list[list[bytes]]] = []
    held = 0
    fields = (line.split(b"\t") for line in lines)
    for _, group in groupby(fields, key=lambda each: each[:2]):
        listed = list(group)
        portion.append(listed)
        held += len(listed)
        if held >= PORTION:
            yield portion
            portion, held = [], 0
    if portion:
        yield portion


def portions(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield ``items`` in lists of ``size``."""
    iterator = iter(items)
    while portion := list(islice(iterator, size)):
        yield portion
