"""What a run leaves behind beside its model: figures line by line, files for TensorBoard, samples, curves as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rostra.clock import Clock

from .events import Events
from .processes import rank

METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
CURVE = "curve.png"


class Journal:
    """Writes what is measured, at once: what a killed run leaves ends with its last line."""

    def __init__(self, out: Path, clock: Clock, *, begun: int, tensorboard: bool) -> None:
        """``begun`` is the step that a resumed run goes on from: what was told of later ones will be told again."""
        out.mkdir(parents=True, exist_ok=True)
        self._out = out
        self._clock = clock
        for name in (METRICS, SAMPLES):
            _cut(out / name, begun)
        self._events = Events(out / "tensorboard", clock.now().timestamp()) if tensorboard else None

    def tell(self, step: int, figures: Mapping[str, float]) -> None:
        """Write what was measured after ``step`` steps. What is no number is null, which JSON has a word for."""
        row = {key: value if math.isfinite(value) else None for key, value in figures.items()}
        _append(self._out / METRICS, {"step": step, **row})
        if self._events:
            self._events.write(self._clock.now().timestamp(), step, figures)

    def show(self, step: int, texts: Sequence[str]) -> None:
        """Keep samples."""
        for text in texts:
            _append(self._out / SAMPLES, {"step": step, "text": text})

    def draw(self) -> Path | None:
        """Draw what was told as a picture and return it; None without matplotlib or without figures."""
        return draw(rows(self._out / METRICS), self._out / CURVE)


class Silence:
    """The journal of a process that is not the first: the first one writes what all of them measured."""

    def tell(self, _step: int, _figures: Mapping[str, float]) -> None:
        """Write nothing."""

    def show(self, _step: int, _texts: Sequence[str]) -> None:
        """Keep nothing."""

    def draw(self) -> Path | None:
        """Draw nothing."""


def journal_of(out: Path, clock: Clock, *, begun: int, tensorboard: bool) -> Journal | Silence:
    """Return the journal that this process writes."""
    return Silence() if rank() else Journal(out, clock, begun=begun, tensorboard=tensorboard)


def rows(file: Path) -> Sequence[Mapping[str, Any]]:
    """Return the rows of a journal; a last line that a kill cut in half is none."""
    found: list[Mapping[str, Any]] = []
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                break
    return found


def _cut(file: Path, begun: int) -> None:
    """Leave out what was told of steps after ``begun``."""
    kept = [row for row in rows(file) if row["step"] <= begun]
    half = file.with_name(f".{file.name}.half")
    half.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept), encoding="utf-8")
    half.replace(file)


def _append(file: Path, row: Mapping[str, object]) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")


def draw(told: Sequence[Mapping[str, Any]], file: Path) -> Path | None:
    """Draw a panel for each figure that changes, training and validation in one; None if nothing can be drawn."""
    return compared({"": told}, file)


def compared(runs: Mapping[str, Sequence[Mapping[str, Any]]], file: Path) -> Path | None:
    """Draw what several runs, by their names, were told of in the same panels; None if nothing can be drawn."""
    names = _panels([row for told in runs.values() for row in told])
    if not names:
        return None
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    columns = min(3, len(names))
    lines = math.ceil(len(names) / columns)
    figure: Any = Figure(figsize=(5 * columns, 3.2 * lines), layout="constrained")
    panels: Any = figure.subplots(lines, columns, squeeze=False).flatten()
    for panel, name in zip(panels, names, strict=False):
        for run, told in runs.items():
            for each in (name, f"validation_{name}"):
                points = [(row["step"], row[each]) for row in told if row.get(each) is not None]
                if points:
                    marker = "." if len(points) < 50 else ""  # noqa: PLR2004  single points would be lost
                    panel.plot(*zip(*points, strict=True), label=f"{run} {each}".strip(), marker=marker)
        panel.set_xlabel("step")
        panel.legend()
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    figure.savefig(file, dpi=100)
    return file


def _panels(told: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Return the figures in the order they first come, loss first; those of validation share a panel with theirs."""
    names = dict.fromkeys(key for row in told for key in row if key != "step")
    return [
        name
        for name in names
        if name.removeprefix("validation_") not in names or not name.startswith("validation_")
    ]
