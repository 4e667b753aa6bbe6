"""Pictures of evaluations as PNG; without matplotlib there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from .intervals import Interval

QUIET = "#8a8a8a"
BINS = 20
_ROW = 0.45
"""Inches of a row."""


def bars(
    rows: Sequence[tuple[str, Interval]], file: Path, *, along: str, at: float, beside: Sequence[float] = ()
) -> Path | None:
    """Draw each interval in a row, with a line ``at`` what would be no difference; ``beside`` are points to compare with."""
    figure = _figure(6.5, 1.2 + _ROW * len(rows))
    if figure is None or not rows:
        return None
    axes: Any = figure.subplots()
    for place, (_, found) in enumerate(rows):
        if isfinite(found.low):
            axes.plot([found.low, found.high], [place, place], color="C0", linewidth=2)
        axes.plot(found.mean, place, "o", color="C0")
    if beside:
        axes.plot(beside, range(len(beside)), "|", color="C1", markersize=14, label="length alone")
        axes.legend()
    axes.axvline(at, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [_plain(name) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(along)
    return _saved(figure, file)


def histograms(given: Mapping[str, Sequence[float]], file: Path, *, along: str) -> Path | None:
    """Draw how values are spread, one over the other in the same bins."""
    figure = _figure(6.5, 3.2)
    values = [one for each in given.values() for one in each]
    if figure is None or not values:
        return None
    axes: Any = figure.subplots()
    lowest, highest = min(values), max(values)
    wide = (highest - lowest) / BINS or 1.0
    edges = [lowest + wide * at for at in range(BINS + 1)]
    for name, each in given.items():
        axes.hist(list(each), bins=edges, alpha=0.5, label=_plain(name))
    axes.set_xlabel(along)
    axes.set_ylabel("answers")
    axes.legend()
    return _saved(figure, file)


def lines(
    series: Mapping[str, Sequence[tuple[float, Interval]]],
    file: Path,
    *,
    across: str,
    up: str,
    marks: Sequence[int] = (),
) -> Path | None:
    """Draw series of points with their intervals; ``marks`` are written beside the points of the first."""
    figure = _figure(6.5, 4.0)
    if figure is None:
        return None
    axes: Any = figure.subplots()
    for name, points in series.items():
        places = [place for place, _ in points]
        (line,) = axes.plot(places, [found.mean for _, found in points], marker="o", label=_plain(name))
        if all(isfinite(found.low) for _, found in points):
            low, high = [found.low for _, found in points], [found.high for _, found in points]
            axes.fill_between(places, low, high, alpha=0.15, color=line.get_color())
    first = next(iter(series.values()))
    for mark, (place, found) in zip(marks, first, strict=False):
        axes.annotate(str(mark), (place, found.mean), textcoords="offset points", xytext=(0, 8))
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.legend()
    return _saved(figure, file)


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    return Figure(figsize=(width, height), layout="constrained")


def _saved(figure: Any, file: Path) -> Path:
    figure.savefig(file, dpi=100)
    return file


def _plain(name: str) -> str:
    """Return a name that matplotlib takes for no formula, short enough to stand beside a picture."""
    return name.replace("$", r"\$")[:40] or "unknown"
