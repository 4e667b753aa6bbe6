"""Answers rated on axes: what people write for it, what was given so far, and the ratings that it comes to. Pure.

``A: helpful 4, true 5; B: 3 2`` gives A four points for being helpful; B's points are in the order of the axes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple, TypeAlias

from .ranking import LETTERS, RankingError, letter
from .values import Axis, Judgment, Rating

USUAL = (Axis(name="overall"),)
"""What answers are rated on where nobody said anything else."""

AXES = 5
"""Axes at most: as many as a form has fields on every platform."""

LEAST, MOST = 2, 10
"""Points at most, on an axis."""

KEPT = 50
"""Steps that can be undone."""

LONGEST_QUOTED = 40

_NAME = re.compile(r"[a-z][a-z0-9_-]{1,19}", re.ASCII)
_BETWEEN = re.compile(r"[\s,;:=]+")
_STEPS = re.compile(r"[A-I][a-z][a-z0-9_-]*=[0-9]{1,2}", re.ASCII)


class Mark(NamedTuple):
    """Points for the answer in a slot, on an axis."""

    slot: int
    axis: str
    value: int


Given: TypeAlias = Mapping[tuple[int, str], int]
"""Points by slot and axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What was given so far on a ballot of ``k`` answers, step by step; a later mark stands in place of an earlier one.

    ``mark`` is of the event that was taken last, so that the same event changes nothing.
    """

    k: int
    axes: tuple[Axis, ...]
    steps: tuple[tuple[Mark, ...], ...] = ()
    mark: str = ""

    @property
    def given(self) -> Given:
        """What holds now."""
        return {(one.slot, one.axis): one.value for step in self.steps for one in step}

    @property
    def missing(self) -> Sequence[tuple[int, Axis]]:
        """What is not given yet, one answer after the other."""
        given = self.given
        return [
            (slot, axis) for slot in range(self.k) for axis in self.axes if (slot, axis.name) not in given
        ]


def axes_of(text: str) -> tuple[Axis, ...]:
    """Return the axes that ``text`` names, each with the most points there are: ``helpful 5, true 5``. Raises `ValueError`."""
    found: list[Axis] = []
    for part in filter(None, (one.strip() for one in text.strip("\"' ").lower().split(","))):
        name, _, most = part.partition(" ")
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name[:LONGEST_QUOTED]!r} is no name of an axis; a word of 2 to 20 letters would be right, as in helpful 5, true 5"
            )
        most = most.strip() or str(Axis(name=name).maximum)
        if not most.isdecimal() or not LEAST <= int(most) <= MOST:
            raise ValueError(
                f"{most[:LONGEST_QUOTED]!r} is not the most points for {name!r}; a number from {LEAST} to {MOST} would be right"
            )
        found.append(Axis(name=name, maximum=int(most)))
    if not 1 <= len(found) <= AXES or len({axis.name for axis in found}) < len(found):
        raise ValueError(
            f"{len(found)} axes; 1 to {AXES} different ones would be right, as in helpful 5, true 5"
        )
    return tuple(found)


def axes_text(axes: Iterable[Axis]) -> str:
    """Return the text that `axes_of` reads as ``axes``."""
    return ", ".join(f"{axis.name} {axis.maximum}" for axis in axes)


def parse(text: str, k: int, axes: Sequence[Axis]) -> tuple[Mark, ...]:
    """Return the points that ``text`` gives ``k`` answers. Raises `RankingError`, to be shown to who typed it.

    Numbers behind a letter are points on the axes in their order, or each has its axis before it, by two letters of its name or
    more. Case, commas and colons mean nothing. Of one answer alone the letter may be left out.
    """
    words = [word for word in _BETWEEN.split(unicodedata.normalize("NFKC", text).lower()) if word]
    if k == 1 and words and not _is_letter(words[0]):
        words.insert(0, "a")
    found: list[Mark] = []
    for name, said in _answers(words, k, axes):
        slot = LETTERS.find(name)
        if not 0 <= slot < k:
            raise RankingError(f"there is no answer {name}; the answers are {', '.join(LETTERS[:k])}")
        if any(one.slot == slot for one in found):
            raise RankingError(f"{name} stands there twice; write each letter once, as in {example(k, axes)}")
        found.extend(_marks(slot, said, axes))
    return tuple(found)


def _answers(words: Sequence[str], k: int, axes: Sequence[Axis]) -> Sequence[tuple[str, Sequence[str]]]:
    """Return the letters with the words behind each."""
    if not words or not _is_letter(words[0]):
        raise RankingError(
            f"{_quoted(' '.join(words))} gives no points; write {example(k, axes)}, or ? to skip"
        )
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if _is_letter(word):
            found.append((word.upper(), []))
        else:
            found[-1][1].append(word)
    return found


def _marks(slot: int, said: Sequence[str], axes: Sequence[Axis]) -> Sequence[Mark]:
    name = letter(slot)
    if not said:
        raise RankingError(f"{name} has no points; write {name}: {_points(axes)}")
    if all(word.isdecimal() for word in said):
        if len(said) > len(axes):
            raise RankingError(
                f"{name} has {len(said)} numbers for {len(axes)} axes; write {name}: {_points(axes)}"
            )
        return [Mark(slot, axis.name, _value(word, axis)) for word, axis in zip(said, axes, strict=False)]
    found: list[Mark] = []
    for called, word in zip(said[::2], [*said[1::2], ""], strict=False):
        if called.isdecimal() or not word.isdecimal():
            raise RankingError(
                f"{_quoted(' '.join(said))} for {name}: write a number behind each axis, as in {name}: {_points(axes)}"
            )
        axis = _axis(called, axes)
        if any(one.axis == axis.name for one in found):
            raise RankingError(f"{name} has {axis.name} twice; write each axis once")
        found.append(Mark(slot, axis.name, _value(word, axis)))
    return found


def _axis(called: str, axes: Sequence[Axis]) -> Axis:
    found = [axis for axis in axes if axis.name == called] or [
        axis for axis in axes if axis.name.startswith(called)
    ]
    if len(found) != 1:
        names = ", ".join(axis.name for axis in axes)
        raise RankingError(f"{_quoted(called)} is not one of the axes; they are {names}")
    return found[0]


def _value(word: str, axis: Axis) -> int:
    if len(word) > 2 or not 1 <= int(word) <= axis.maximum:  # noqa: PLR2004  digits of the most points
        raise RankingError(f"{_quoted(word)} is not from 1 to {axis.maximum}, the points for {axis.name}")
    return int(word)


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word.isalpha()


def _quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST_QUOTED else text[: LONGEST_QUOTED - 1] + "…")


def example(k: int, axes: Sequence[Axis]) -> str:
    """Return what somebody may write about ``k`` answers: ``A: helpful 4, true 4; B: …``."""
    return f"A: {_points(axes)}" + ("; B: …" if k > 1 else "")


def _points(axes: Iterable[Axis]) -> str:
    return ", ".join(f"{axis.name} {max(1, axis.maximum - 1)}" for axis in axes)


def written(given: Given, axes: Sequence[Axis]) -> str:
    """Return the text that `parse` reads as ``given``: in the order shown, and of the axes."""
    order = {axis.name: number for number, axis in enumerate(axes)}
    keys = sorted(given, key=lambda key: (key[0], order.get(key[1], len(order)), key[1]))
    return "; ".join(
        f"{letter(slot)}: {', '.join(f'{axis} {given[slot, axis]}' for _, axis in group)}"
        for slot, group in groupby(keys, key=lambda key: key[0])
    )


def read(stored: str, k: int, axes: tuple[Axis, ...]) -> Points:
    """Return what `text_of` made ``stored`` from, without what does not fit ``k`` and ``axes``."""
    steps, _, mark = stored.partition(" ")
    if "=" not in steps:
        steps, mark = "", mark or steps
    most = {axis.name: axis.maximum for axis in axes}
    found: list[tuple[Mark, ...]] = []
    for step in filter(None, steps.split("|")):
        marks = [
            Mark(LETTERS.index(one[0]), one[1:].partition("=")[0], int(one.partition("=")[2]))
            for one in _STEPS.findall(step)
        ]
        found.append(tuple(one for one in marks if one.slot < k and 1 <= one.value <= most.get(one.axis, 0)))
    return Points(k=k, axes=axes, steps=tuple(filter(None, found)), mark=mark)


def text_of(points: Points) -> str:
    """Return what was given as it is stored."""
    steps = "|".join(
        ",".join(f"{letter(one.slot)}{one.axis}={one.value}" for one in step) for step in points.steps
    )
    return f"{steps} {points.mark}".strip()


def added(points: Points, marks: Sequence[Mark], mark: str = "") -> Points:
    """Return what was given after ``marks`` came in the event with this mark."""
    if mark and mark == points.mark:
        return points
    steps = [*points.steps, tuple(marks)]
    while len(steps) > KEPT:
        held = {(one.slot, one.axis): one for step in steps[:2] for one in step}
        steps[:2] = [tuple(held.values())]
    return replace(points, steps=tuple(steps), mark=mark)


def undone(points: Points, mark: str = "") -> Points:
    """Return what was given without the last step. Raises `RankingError`."""
    if mark and mark == points.mark:
        return points
    if not points.steps:
        raise RankingError("There is nothing to undo.")
    return replace(points, steps=points.steps[:-1], mark=mark)


def ratings(given: Given, axes: Sequence[Axis], shown_order: Sequence[str]) -> tuple[Rating, ...]:
    """Return ``given`` by candidates, for `Judgment.ratings`."""
    most = {axis.name: axis.maximum for axis in axes}
    return tuple(
        Rating(candidate=shown_order[slot], axis=axis, value=value, maximum=most[axis])
        for (slot, axis), value in sorted(given.items())
    )


def given_in(judgment: Judgment) -> Given:
    """Return the points in a judgment by slots, in the order shown."""
    slots = {candidate: slot for slot, candidate in enumerate(judgment.shown_order)}
    return {(slots[one.candidate], one.axis): one.value for one in judgment.ratings}
