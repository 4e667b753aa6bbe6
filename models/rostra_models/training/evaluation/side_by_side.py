"""Answers of two models side by side, for people to read; blind, nobody knows whose is whose until the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from rostra.chat import Utterance

from .report import fenced, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Couple:
    """What was said, and an answer of either model."""

    said: tuple[Utterance, ...]
    a: str
    b: str


def side_by_side(couples: Sequence[Couple], names: tuple[str, str], *, blind: bool, seed: int) -> str:
    """Return the answers as Markdown that no answer can break out of.

    With ``blind``, which answer stands first is drawn by ``seed``, and the key is the last thing on the page.
    """
    drawn = Random(seed)  # noqa: S311  an order to read in
    parts = [
        "# Side by side" + (", blind: the key is at the end" if blind else f": {names[0]} and {names[1]}")
    ]
    key: list[tuple[object, ...]] = []
    for number, one in enumerate(couples, 1):
        swapped = blind and drawn.random() < 0.5  # noqa: PLR2004  a coin
        shown = ((names[1], one.b), (names[0], one.a)) if swapped else ((names[0], one.a), (names[1], one.b))
        parts.append(f"## {number}")
        parts += [f"*{each.role}*\n\n{fenced(each.text)}" for each in one.said]
        for place, (name, text) in enumerate(shown, 1):
            parts.append(f"**{place if blind else name}**\n\n{fenced(text)}")
        key.append((number, *(name for name, _ in shown)))
    if blind:
        parts += ["## Key", table(("", "1", "2"), key)]
    return "\n\n".join(parts) + "\n"
