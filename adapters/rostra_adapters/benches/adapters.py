"""What the adapters cost beside bare clients of their platforms, in the same run."""

from __future__ import annotations

from collections.abc import Mapping

from rostra.benches.report import Figure, Report, figure, machine


async def bench(*, quick: bool = False) -> Report:
    """Run both halves. ``quick`` measures a sixth of it, once."""
    measured: dict[str, float] = {}
    missing: list[str] = []
    try:
        from . import discord

        measured |= await discord.measure(quick)
    except ModuleNotFoundError as error:
        missing.append(f"discord: {error.name} is not installed")
    try:
        from . import slack

        measured |= await slack.measure(quick)
    except ModuleNotFoundError as error:
        missing.append(f"slack: {error.name} is not installed")
    return Report(
        bench="adapters",
        machine=machine(),
        figures=_figures(measured),
        ratios={name: round(value, 2) for name, value in measured.items() if "_vs_" in name},
        missing=missing,
    )


def _figures(measured: Mapping[str, float]) -> Mapping[str, Figure]:
    """Return what is no ratio, each with the unit that its name ends in."""
    units = {"_ms": "ms", "_per_second": "1/s", "_mb": "MB"}
    return {
        name: figure(value, next((unit for end, unit in units.items() if name.endswith(end)), ""))
        for name, value in measured.items()
        if "_vs_" not in name
    }
