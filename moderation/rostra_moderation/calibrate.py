"""From labelled lines and a share of false alarms that a community puts up with, to thresholds and how sure they are.

Harmless lines set the thresholds: each category blocks as few of them as the target allows, all categories together. What
the thresholds then catch is told from the harmful lines. Both come with intervals, because two hundred lines say little.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from rostra.verdicts import CATEGORIES

from .intervals import clopper_pearson

Scores: TypeAlias = Mapping[str, float]
Interval: TypeAlias = tuple[float, float]

ANY = "*"
"""What a line with a bare ``score`` is about: every category that has no line of its own."""

RESAMPLES = 1000
LARGE = 3000
"""Lines from which a fifth of the resamples does: the more lines, the less they differ."""

FEW = 30
"""Harmful lines of a category below which its recall is a guess."""

STEP = 1e-4
"""Thresholds have four digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One labelled line: ``label`` holds the categories of what is wrong with it, `ANY` where that was not said."""

    text: str | None = None
    scores: Scores | None = None
    label: frozenset[str] = frozenset()

    @property
    def harmless(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was found for one category.

    ``threshold`` is None where no score up to 1 keeps to the target. ``fpr`` is the share of harmless lines that reach it,
    ``recall`` that of the lines labelled with the category, of which there are ``positives`` (a line whose label
    is just ``true`` counts for the category that scores highest in it).
    """

    category: str
    threshold: float | None
    false_positives: int
    fpr: float
    fpr_interval: Interval
    positives: int = 0
    recall: float | None = None
    recall_interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Thresholds by category, and what they do together. ``warnings`` say what the lines cannot tell."""

    target: float
    harmless: int
    harmful: int
    rows: tuple[Row, ...]
    overall: Row
    warnings: tuple[str, ...]


def read(lines: Iterable[str]) -> list[Line]:
    """Return what ``lines`` of JSON say. Raises `ValueError` that names the first line that is wrong."""
    found: list[Line] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(_line(json.loads(line)))
            except (ValueError, RecursionError) as error:
                reason = "not a line of JSON" if isinstance(error, json.JSONDecodeError) else error
                raise ValueError(f"line {number}: {reason}") from None
    return found


def calibrate(lines: Sequence[Line], target: float, *, seed: int = 0) -> Calibration:
    """Return thresholds that let at most the share ``target`` of harmless lines be blocked.

    Every line must have scores. The intervals hold with 95 %: exact ones (Clopper and Pearson) for shares of false
    alarms; for recall percentiles of a bootstrap, which draws harmless and harmful lines anew and sets the thresholds
    anew each time. Raises `ValueError`.
    """
    if not 0 < target < 1:
        raise ValueError(f"a target of {target!r} is no share; write 0.01 for one in a hundred")
    harmless = [_scores(line) for line in lines if line.harmless]
    harmful = [line for line in lines if not line.harmless]
    if not harmless:
        raise ValueError("there are no harmless lines, and it is they that set the thresholds")
    categories = _categories(lines)
    if not categories:
        raise ValueError("no line has a score: nothing was measured")
    columns = {name: [line.get(name, 0.0) for line in harmless] for name in categories}
    allowed = _allowance(columns, len(harmless), target)
    thresholds = {
        name: _threshold(
            _limit(column, allowed), [*column, *(_scores(line).get(name, 0.0) for line in harmful)]
        )
        for name, column in columns.items()
    }
    recalls = _recalls(columns, harmful, allowed, seed)
    rows = tuple(
        _row(name, columns[name], thresholds[name], harmful, recalls.get(name)) for name in categories
    )
    overall = _overall(harmless, harmful, thresholds, recalls.get(""))
    return Calibration(
        target=target,
        harmless=len(harmless),
        harmful=len(harmful),
        rows=rows,
        overall=overall,
        warnings=tuple(_warnings(len(harmless), len(harmful), target, rows)),
    )


def needed(target: float) -> int:
    """Return how many harmless lines, none of them blocked, show with 95 % that at most the share ``target`` is."""
    return math.ceil(math.log(0.05) / math.log1p(-target))


def as_toml(calibration: Calibration, policy: str = "default") -> str:
    """Return the thresholds as a table to paste into the configuration: of categories that caught anything harmful."""
    lines = [f"[policies.{policy}.categories]"]
    for row in calibration.rows:
        if not row.recall:
            lines.append(f"# {row.category}: left as it is, for no harmful line of it was caught")
            continue
        value = '"never"' if row.threshold is None else f"{row.threshold:.4f}".rstrip("0").rstrip(".")
        lines.append(f'"{row.category}" = {{ block = {value} }}')
    return "\n".join(lines) + "\n"


def _line(found: object) -> Line:
    if not isinstance(found, dict):
        raise ValueError('is no object {"text": …, "label": …}')  # noqa: TRY004  bad data, not a bug
    table = cast("dict[str, Any]", found)
    text, categories, score = table.get("text"), table.get("categories"), table.get("score")
    if text is not None and not isinstance(text, str):
        raise ValueError('"text" must be a string')
    scores: Scores | None = None
    if isinstance(categories, dict):
        scores = {name: _share(value) for name, value in cast("dict[str, Any]", categories).items()}
    elif score is not None:
        scores = {ANY: _share(score)}
    if scores is None and text is None:
        raise ValueError('has neither "text" nor "categories" nor "score"')
    return Line(text=text, scores=scores, label=_label(table.get("label")))


def _label(label: object) -> frozenset[str]:
    if isinstance(label, bool):
        return frozenset({ANY}) if label else frozenset()
    if not isinstance(label, list):
        raise ValueError('"label" must be true, false or a list of categories')  # noqa: TRY004  bad data, not a bug
    names = cast("list[object]", label)
    unknown = [name for name in names if name not in CATEGORIES]
    if unknown:
        raise ValueError(f"no category {unknown[0]!r}; the categories are {', '.join(CATEGORIES)}")
    return frozenset(map(str, names))


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is no score; scores are from 0 to 1")
    return float(value)


def _scores(line: Line) -> Scores:
    if line.scores is None:
        raise ValueError("a line has no scores yet; have its text judged first")
    return line.scores


def _categories(lines: Sequence[Line]) -> Sequence[str]:
    found = {name for line in lines for name in _scores(line)}
    return [name for name in (*CATEGORIES, ANY) if name in found] + sorted(found - {*CATEGORIES, ANY})


def _allowance(columns: Mapping[str, Sequence[float]], count: int, target: float) -> int:
    """Return how many harmless lines each category may block so that all of them together keep to the target."""
    most = math.floor(target * count + 1e-9)
    for allowed in range(most, 0, -1):
        limits = {name: _limit(column, allowed) for name, column in columns.items()}
        if _blocked(columns, limits, count) <= most:
            return allowed
    return 0


def _blocked(columns: Mapping[str, Sequence[float]], limits: Mapping[str, float], count: int) -> int:
    hit = [False] * count
    for name, column in columns.items():
        for number, score in enumerate(column):
            if score > limits[name]:
                hit[number] = True
    return sum(hit)


def _limit(column: Sequence[float], allowed: int) -> float:
    """Return the lowest score that at most ``allowed`` of the column lie above."""
    return sorted(column, reverse=True)[allowed] if allowed < len(column) else 0.0


def _threshold(limit: float, scores: Sequence[float]) -> float | None:
    """Return a threshold of four digits half way from ``limit`` to the next of ``scores``, None where there is none up to 1."""
    above = min((score for score in scores if score > limit), default=1.0)
    threshold = round((limit + above) / 2, 4)
    if not limit < threshold <= above:  # closer together than four digits tell apart
        threshold = math.ceil(above / STEP) * STEP
    return round(threshold, 4) if limit < threshold <= 1 else None


def _concerns(line: Line, category: str) -> bool:
    """Say whether a harmful line is one of those that ``category`` should catch."""
    if ANY in line.label:
        scores = _scores(line)
        return category == max(scores, key=scores.__getitem__, default=ANY)
    return category == ANY or any(name == category or name.startswith(f"{category}/") for name in line.label)


def _row(
    name: str,
    column: Sequence[float],
    threshold: float | None,
    harmful: Sequence[Line],
    interval: Interval | None,
) -> Row:
    hits = 0 if threshold is None else sum(score >= threshold for score in column)
    mine = [line for line in harmful if _concerns(line, name)]
    caught = 0 if threshold is None else sum(_scores(line).get(name, 0.0) >= threshold for line in mine)
    return Row(
        category=name,
        threshold=threshold,
        false_positives=hits,
        fpr=hits / len(column),
        fpr_interval=clopper_pearson(hits, len(column)),
        positives=len(mine),
        recall=caught / len(mine) if mine else None,
        recall_interval=interval if mine else None,
    )


def _overall(
    harmless: Sequence[Scores],
    harmful: Sequence[Line],
    limits: Mapping[str, float | None],
    interval: Interval | None,
) -> Row:
    hits = sum(_reaches(scores, limits) for scores in harmless)
    caught = sum(_reaches(_scores(line), limits) for line in harmful)
    return Row(
        category="any",
        threshold=None,
        false_positives=hits,
        fpr=hits / len(harmless),
        fpr_interval=clopper_pearson(hits, len(harmless)),
        positives=len(harmful),
        recall=caught / len(harmful) if harmful else None,
        recall_interval=interval if harmful else None,
    )


def _reaches(scores: Scores, limits: Mapping[str, float | None]) -> bool:
    return any((limit := limits.get(name)) is not None and score >= limit for name, score in scores.items())


def _recalls(
    columns: Mapping[str, Sequence[float]], harmful: Sequence[Line], allowed: int, seed: int
) -> Mapping[str, Interval]:
    """Return intervals for recall by category, and under the empty name for all categories together."""
    import numpy as np

    if not harmful:
        return {}
    names = list(columns)
    draw = np.random.default_rng(seed)
    benign = np.array([columns[name] for name in names]).T
    bad = np.array([[_scores(line).get(name, 0.0) for name in names] for line in harmful])
    concerned = np.array([[_concerns(line, name) for name in names] for line in harmful])
    seen: list[Any] = []
    place = min(allowed, len(benign) - 1)
    times = RESAMPLES if len(columns[names[0]]) + len(harmful) <= LARGE else RESAMPLES // 5
    for _ in range(times):
        again = benign[draw.integers(len(benign), size=len(benign))]
        limits = np.partition(again, len(again) - 1 - place, axis=0)[len(again) - 1 - place]
        picked = draw.integers(len(bad), size=len(bad))
        caught = bad[picked] > limits
        of = concerned[picked]
        counts = of.sum(axis=0)
        # Of a category that was not drawn this time nothing is known.
        by_category = np.where(counts > 0, (caught & of).sum(axis=0) / np.maximum(counts, 1), np.nan)
        seen.append([*by_category, caught.any(axis=1).mean()])
    table = np.array(seen)
    table[:, np.isnan(table).all(axis=0)] = 0.0
    low, high = np.nanpercentile(table, [2.5, 97.5], axis=0)
    return {name: (float(low[n]), float(high[n])) for n, name in enumerate([*names, ""])}


def _warnings(harmless: int, harmful: int, target: float, rows: Sequence[Row]) -> Iterable[str]:
    least = needed(target)
    if harmless < least:
        upper = clopper_pearson(0, harmless)[1]
        yield (
            f"{harmless} harmless lines cannot show that at most {target:.4g} of them are blocked, even if none is: it may be"
            f" {upper:.2g} as well. {least} are needed, better {10 * least}."
        )
    if not harmful:
        yield "there are no harmful lines: how much the thresholds catch is not known"
    few = [row.category for row in rows if 0 < row.positives < FEW]
    if few:
        yield f"fewer than {FEW} harmful lines each, so recall is a guess: {', '.join(few)}"
    none = [row.category for row in rows if row.threshold is None]
    if none:
        yield f"harmless lines score as high as can be, and no threshold keeps to the target: {', '.join(none)}"
