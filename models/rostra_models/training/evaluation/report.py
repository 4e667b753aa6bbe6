"""What every evaluation is told and leaves behind: figures, a report in Markdown with pictures, one JSON object."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from pydantic import Field

from ..intervals import Interval
from ..machine import device_of
from ..settings import Count, LoopSettings, Section

REPORT, FIGURES = "report.md", "figures.json"

Value: TypeAlias = "float | str | Mapping[str, Value]"


class MachineSettings(Section):
    """What any evaluation computes with."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where; auto takes a GPU if any."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="What is computed with; weights stay in 32 bits."
    )
    micro_tokens: Count = Field(
        default=4096, description="Tokens that are computed at once; changes no result."
    )
    plot: bool = Field(default=True, description="Draw pictures into the report.")

    @property
    def loop(self) -> LoopSettings:
        """The machine as the loop of training is told of it."""
        return LoopSettings(steps=1, learning_rate=1.0, device=self.device, precision=self.precision)

    @property
    def where(self) -> torch.device:
        """The device. Raises `TrainError` if it is not there."""
        return device_of(self.loop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came of an evaluation: its name, its folder with the report, and figures by name."""

    what: str
    folder: Path
    figures: Mapping[str, Value] = field(default_factory=dict[str, Value])

    def row(self) -> Mapping[str, object]:
        """Return what ``--json`` prints. What is no number is null, which JSON has a word for."""
        return {"eval": self.what, "out": str(self.folder), **_plain(self.figures)}


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(one) for name, one in figures.items()}


def _value(one: Any) -> Any:
    if isinstance(one, Mapping):
        return {str(name): _value(each) for name, each in one.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return None if isinstance(one, float) and not math.isfinite(one) else one


def written(done: Evaluation, title: str, parts: Sequence[str]) -> Evaluation:
    """Write the report of ``parts`` and the figures into the evaluation's folder, and return it."""
    done.folder.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join([f"# {title}", *(part for part in parts if part)]) + "\n"
    (done.folder / REPORT).write_text(text, encoding="utf-8")
    (done.folder / FIGURES).write_text(json.dumps(done.row(), indent=2) + "\n", encoding="utf-8")
    return done


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown; what stands in a cell cannot leave it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(one) for one in line) + " |" for line in lines)


def cell(one: object) -> str:
    """Return what is shown of a value in a table: numbers with three places."""
    if isinstance(one, Interval):
        return f"{number(one.mean)} [{number(one.low)}, {number(one.high)}]"
    if isinstance(one, float):
        return number(one)
    text = str(one).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
    return " ".join(text.split())


def number(value: float) -> str:
    """Return a number as people read it."""
    if not math.isfinite(value):
        return "?"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.3f}"  # noqa: PLR2004  counts


def picture(file: Path | None, what: str) -> str:
    """Return the line that shows a picture beside the report, and none where none was drawn."""
    return f"![{what}]({file.name})" if file else ""


def fenced(text: str) -> str:
    """Return a text that a model wrote as a block of Markdown that it cannot leave."""
    longest = max((len(run) for run in _runs(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _runs(text: str) -> list[str]:
    found = [""]
    for character in text:
        if character == "`":
            found[-1] += character
        elif found[-1]:
            found.append("")
    return found
