"""``rostra bench``: measure, and compare with peers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast

import typer

from .running import Json, run

if TYPE_CHECKING:
    from ..benches.report import Report

Name = Annotated[str, typer.Argument(help="What to measure; `rostra plugins list` has the names.")]
Quick = Annotated[bool, typer.Option("--quick", help="Less of everything: a check, not a measurement.")]


class Measure(Protocol):
    """What an entry point of the group ``rostra.benches`` is."""

    def __call__(self, *, quick: bool) -> Awaitable[Report]: ...


def bench(name: Name, *, as_json: Json = False, quick: Quick = False) -> None:
    """Run a benchmark. A ratio above 1 says that Rostra is better than the peer measured beside it.

    Example: rostra bench pipeline --json
    """
    from ..components import installed
    from ..errors import ConfigError
    from ..logs import configured

    offers = {point.name: point for point in installed("benches")}
    if name not in offers:
        raise ConfigError(f"no bench {name!r}; there are: {', '.join(offers)}")
    with configured(level="warning"):
        report = run(_awaited(cast("Measure", offers[name].load()), quick=quick))
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _print(report)


async def _awaited(measure: Measure, *, quick: bool) -> Report:
    return await measure(quick=quick)


def _print(report: Report) -> None:
    from .printing import table

    figures: Mapping[str, Any] = report["figures"]
    rows = [[name, f"{figure['value']:,}", str(figure["unit"])] for name, figure in figures.items()]
    rows += [[name, f"{ratio:.2f}", "times the peer"] for name, ratio in report["ratios"].items()]
    table(["Figure", "Value", "Unit"], rows)
    for missing in report.get("missing", ()):
        typer.echo(f"not compared: {missing}", err=True)
