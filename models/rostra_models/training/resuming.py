"""Going on with a run: only with the settings that it was begun with, those apart that nothing learnt depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import NotResumable
from .settings import LoopSettings, Section

_FREE = frozenset(
    {
        "device",
        "threads",
        "compile",
        "parallel",
        "evaluate_every",
        "sample_every",
        "save_every",
        "keep",
        "log_every",
        "tensorboard",
        "plot",
        "bad_steps",
    }
)
"""What of ``[loop]`` may change when a run goes on: nothing that is learnt depends on it, the last bits apart."""

_END = 1 << 20
"""Bytes at either end of a file that it is known by, with its size and name."""


def begun_with(settings: Section, *free: str) -> Mapping[str, Any]:
    """Return the settings of a stage that what is learnt depends on: all but ``out``, ``loop`` and those that are ``free``.

    A file or folder is known by what is in it, so that it may be moved.
    """
    found: dict[str, Any] = settings.model_dump(mode="json", exclude={"out", "loop", *free})
    for name in found:
        value: Any = getattr(settings, name)
        if isinstance(value, Path) and value.exists():
            found[name] = f"{value.name} ({contents(value)})"
    return found


def contents(path: Path) -> str:
    """Return what tells a file or a folder from others: names, sizes and the ends of the files, as a short hash."""
    known = hashlib.sha256()
    for file in _files(path):
        size = file.stat().st_size
        known.update(f"{file.relative_to(path)}\n{size}\n".encode())
        with file.open("rb") as data:
            known.update(data.read(_END))
            data.seek(max(0, size - _END))
            known.update(data.read(_END))
    return known.hexdigest()[:12]


def _files(path: Path) -> Iterator[Path]:
    yield from [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())


def check(folder: Path, found: Mapping[str, Any], loop: LoopSettings, stage: Mapping[str, Any]) -> None:
    """Compare what a checkpoint was trained with to what is asked for now. Raises `NotResumable`."""
    kept = {name: value for name, value in loop.model_dump(mode="json").items() if name not in _FREE}
    for ours, theirs in ((kept, found["settings"]), (stage, found.get("stage", stage))):
        other = [name for name, value in ours.items() if theirs.get(name) != value]
        if other:
            name = other[0]
            raise NotResumable(
                f"{str(folder)!r} was trained with another {name!r}: {theirs.get(name)!r}, not {ours[name]!r};"
                " go on with what it was, or name another folder"
            )
