"""How far a run is, on standard error: a bar at a terminal, else a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol

import typer

from .processes import rank

LINES = 20
"""How many lines a run writes where there is no terminal."""


class Told(Protocol):
    """Hears of a step."""

    def __call__(self, step: int, figures: Mapping[str, float], left: float, /) -> None:
        """Say that ``step`` steps are done, with what was measured, and about ``left`` seconds to go."""
        ...


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``"41 s"``, ``"3 min 20 s"``, ``"2 h 5 min"``."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004  seconds
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004  minutes
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def line(figures: Mapping[str, float]) -> str:
    """Return the figures that somebody watches, in one line."""
    shown = [f"loss {figures['loss']:.3f}"] if "loss" in figures else []
    if "validation_loss" in figures:
        shown.append(f"validation {figures['validation_loss']:.3f}")
    if "tokens_per_second" in figures:
        shown.append(f"{figures['tokens_per_second']:,.0f} a second")
    if "mfu" in figures:
        shown.append(f"MFU {figures['mfu']:.0%}")
    return " · ".join(shown)


@contextmanager
def shown(stage: str, begun: int, steps: int) -> Generator[Told]:
    """Lend something that shows how far a run is. Of several processes the first one shows it."""
    if rank():
        yield _nothing
        return
    if not sys.stderr.isatty():
        yield _lines(stage, steps)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(stage, total=steps, completed=begun, said="")

        def bar(step: int, figures: Mapping[str, float], left: float) -> None:
            bars.update(task, completed=step, said=f"{line(figures)} · {duration(left)} left")

        yield bar


def _nothing(_step: int, _figures: Mapping[str, float], _left: float) -> None:
    """Show nothing."""


def _lines(stage: str, steps: int) -> Told:
    told = 0

    def say(step: int, figures: Mapping[str, float], left: float) -> None:
        nonlocal told
        if step * LINES // steps > told or step == steps:
            told = step * LINES // steps
            typer.echo(f"{stage} {step}/{steps} · {line(figures)} · {duration(left)} left", err=True)

    return say
