"""The rows that the project wrote itself: what public sets lack, and pairs that differ in little but their harm.

They stand in ``written/*.toml`` as groups of lines with slots; each line is drawn a few times with other fillings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import islice
from random import Random
from types import MappingProxyType
from typing import Any
from zlib import crc32

from ..heads import HEADS
from .rows import Row
from .sources import Use

_SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")

_DEEP = 4
"""How deep slots may hold slots."""


def rows(use: Use | None = None, seed: int = 1) -> Iterator[Row]:
    """Yield the written rows for ``use``, or all; the same ones for the same ``seed``.

    Whole groups are kept for tuning and for measuring, one in ten each. Raises `ValueError` for a file that is wrong.
    """
    folder = files("rostra_moderation.train") / "written"
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            found = expanded(file.name.removesuffix(".toml"), file.read_text("utf-8"), seed)
            yield from (row for row in found if use in {None, use_of(row.source)})


def use_of(source: str) -> Use:
    """Return what the group ``source`` is for."""
    match crc32(source.encode()) % 10:
        case 0:
            return "tune"
        case 1:
            return "measure"
        case _:
            return "learn"


def expanded(name: str, toml: str, seed: int = 1) -> Iterator[Row]:
    """Yield the rows of one file."""
    table = tomllib.loads(toml)
    slots: Mapping[str, Sequence[str]] = table.get("slots", {})
    for group in (*table.get("groups", ()), *table.get("pairs", ())):
        source = f"written/{name}/{group['about']}"
        labels = _labels(source, group["labels"])
        random = Random(f"{seed} {source}")  # noqa: S311  reproducible, not secret
        for line in group["lines"]:
            for drawn in _draws(source, _pattern(line), slots, group.get("take", 1), random):
                question, _, text = drawn.rpartition("\0")
                yield Row(text=text, question=question, labels=labels, source=source)


def _pattern(line: Any) -> str:
    """Return a line, or a question and an answer, as one pattern: slots that both use are filled alike."""
    return line if isinstance(line, str) else "\0".join(line)


def _labels(source: str, positive: Sequence[str]) -> Mapping[str, int]:
    for head in positive:
        if head not in HEADS:
            raise ValueError(f"{source}: no head {head!r}; there are {', '.join(HEADS)}")
    return MappingProxyType({head: int(head in positive) for head in HEADS})


def _draws(
    source: str, pattern: str, slots: Mapping[str, Sequence[str]], take: int, random: Random
) -> Iterator[str]:
    """Yield up to ``take`` different fillings of ``pattern``; fewer where there are not that many."""
    drawn = (_drawn(source, pattern, slots, random) for _ in range(max(1, take) * 3))
    yield from islice(dict.fromkeys(drawn), take)


def _drawn(source: str, text: str, slots: Mapping[str, Sequence[str]], random: Random) -> str:
    chosen: dict[str, str] = {}
    for _ in range(_DEEP):
        text = _SLOT.sub(lambda found: _fill(source, found[1], slots, chosen, random), text)
    return text


def _fill(
    source: str, slot: str, slots: Mapping[str, Sequence[str]], chosen: dict[str, str], random: Random
) -> str:
    """Return the filling of ``slot``: the same one everywhere in a line."""
    if slot not in slots:
        raise ValueError(f"{source}: no slot {slot!r}; there are {', '.join(slots) or 'none'}")
    if slot not in chosen:
        chosen[slot] = random.choice(slots[slot])
    return chosen[slot]
