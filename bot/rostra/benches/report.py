"""The shape that every bench prints."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict


class Figure(TypedDict):
    value: float
    unit: str


class Report(TypedDict):
    """``ratios`` are ours against the peer measured beside it in the same run: above 1 is better.

    What was not measured, such as a peer that is not installed, is named under ``missing``, never guessed.
    """

    bench: str
    machine: Mapping[str, str | int]
    figures: Mapping[str, Figure]
    ratios: Mapping[str, float]
    missing: Sequence[str]


def figure(value: float, unit: str) -> Figure:
    """Return a figure with as many digits as mean something."""
    return Figure(value=float(f"{value:.4g}"), unit=unit)


def machine() -> Mapping[str, str | int]:
    """Return what the figures were measured on."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
    }


def peak_mb() -> float:
    """Return the most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the ``percent``-th percentile of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def peer_python(module: str) -> Path | None:
    """Return the interpreter of the peers' environment if it has ``module``.

    That is ``.venv-bench`` in the working directory, or what ``ROSTRA_BENCH_PYTHON`` names: peers never share the
    project's own environment.
    """
    python = Path(os.environ.get("ROSTRA_BENCH_PYTHON", ".venv-bench/bin/python"))
    if not python.is_file():
        return None
    asked = subprocess.run(  # noqa: S603  the operator's own interpreter
        [python, "-c", f"import {module}"], capture_output=True, check=False
    )
    return python if asked.returncode == 0 else None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
