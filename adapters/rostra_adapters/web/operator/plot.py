"""Values with their intervals as a picture, in the measures of an SVG: a line for each, its name above it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...console_text import clean

WIDTH = 400.0
EDGE = 12.0
ROW = 40.0
FOOT = 36.0
LONGEST = 44
"""Characters of a name that have room."""
MOST = 40
"""Lines in one picture; more cannot be read."""
TICKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What is to be drawn. ``odd``: it has no bound, and is drawn hollow."""

    name: str
    value: float
    low: float
    high: float
    odd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A line of the picture: where its name stands, where its interval begins and ends, and where its value is."""

    name: str
    base: float
    at: float
    left: float
    right: float
    y: float
    odd: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A number on the scale."""

    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A picture. ``middle`` is where a line marks what the values are against, None where there is none."""

    title: str
    unit: str
    height: float
    lines: tuple[Drawn, ...]
    ticks: tuple[Tick, ...]
    middle: float | None
    width: float = WIDTH

    @property
    def foot(self) -> float:
        """Where the scale is."""
        return self.height - FOOT


def plot(
    title: str, unit: str, values: Sequence[Value], *, middle: float | None = None, digits: int = 0
) -> Plot | None:
    """Return a picture of ``values``, None where none is a number. The scale takes in all that has a bound."""
    shown = [one for one in values if math.isfinite(one.value)][:MOST]
    if not shown:
        return None
    bounded = [at for one in shown for at in ((one.value,) if one.odd else (one.low, one.value, one.high))]
    known = [at for at in bounded if math.isfinite(at)] + ([] if middle is None else [middle])
    least, most = min(known), max(known)
    room = 0.06 * (most - least) or 1.0
    least, most = least - room, most + room

    def x(at: float) -> float:
        at = min(max(at, least), most) if not math.isnan(at) else least
        return round(EDGE + (at - least) / (most - least) * (WIDTH - 2 * EDGE), 1)

    lines = tuple(
        Drawn(
            name=_short(one.name),
            base=number * ROW + 17,
            at=x(one.value),
            left=x(one.value if math.isnan(one.low) else one.low),
            right=x(one.value if math.isnan(one.high) else one.high),
            y=number * ROW + 28,
            odd=one.odd,
        )
        for number, one in enumerate(shown)
    )
    return Plot(
        title=title,
        unit=unit,
        height=len(shown) * ROW + FOOT + 6,
        lines=lines,
        ticks=tuple(Tick(x=x(at), label=f"{at:.{digits}f}") for at in _ticks(least, most)),
        middle=None if middle is None else x(middle),
    )


def _ticks(least: float, most: float) -> Sequence[float]:
    """Return a few round numbers between both.

    >>> _ticks(0.0, 10.0)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    rough = (most - least) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough * 0.75)
    first = math.ceil(least / step - 1e-9)
    last = math.floor(most / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _short(name: str) -> str:
    line = " ".join(clean(name).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
