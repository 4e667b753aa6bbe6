"""How much memory there is, as far as the machine and the container it is in tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

MemoryReading: TypeAlias = Callable[[], int | None]
"""Bytes that can be had without driving others out, or None where nobody says."""


def available(root: Path = Path("/")) -> int | None:
    """Return the memory that is there for the taking, in bytes; None where the system does not tell.

    Linux: ``MemAvailable`` of ``/proc/meminfo``, and what the control group (version 2 or 1) leaves, where that is
    less (https://docs.kernel.org/admin-guide/cgroup-v2.html#memory). File pages that can be dropped count as free.
    """
    readings = (
        _machine(root),
        _group(root / "sys/fs/cgroup", v2=True),
        _group(root / "sys/fs/cgroup/memory", v2=False),
    )
    return min((reading for reading in readings if reading is not None), default=None)


def _machine(root: Path) -> int | None:
    kilobytes = _table(root / "proc/meminfo").get("MemAvailable:")
    return None if kilobytes is None else kilobytes * 1024


def _group(folder: Path, *, v2: bool) -> int | None:
    """Read the group at the root of what this process sees: in a container, that is the container's."""
    limit = _number(folder / ("memory.max" if v2 else "memory.limit_in_bytes"))
    used = _number(folder / ("memory.current" if v2 else "memory.usage_in_bytes"))
    if limit is None or used is None:
        return None
    droppable = _table(folder / "memory.stat").get("inactive_file" if v2 else "total_inactive_file", 0)
    return max(0, limit - used + droppable)


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _table(file: Path) -> Mapping[str, int]:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split()[:2] for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}  # noqa: PLR2004  name, value
