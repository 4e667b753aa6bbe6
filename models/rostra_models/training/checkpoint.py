"""Checkpoints that are whole or not there: written under another name, synced, and renamed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from .errors import NotResumable

FOLDER = "checkpoints"
STATE = "state.pt"
_NAME = re.compile(r"step-(\d{8})")


def checkpoints(out: Path) -> Mapping[int, Path]:
    """Return the whole checkpoints of a run by the steps that went into them, in order."""
    found: dict[int, Path] = {}
    for one in sorted((out / FOLDER).glob("step-*")):
        named = _NAME.fullmatch(one.name)
        if named and (one / STATE).is_file():
            found[int(named[1])] = one
    return found


def write(out: Path, step: int, save: Callable[[Path], None], state: Mapping[str, Any]) -> Path:
    """Keep what was trained in ``step`` steps: the model's folder and ``state``. Killed at any moment, it leaves what was.

    ``state`` is numbers, strings, tensors, and lists and dicts of them.
    """

    def fill(folder: Path) -> None:
        save(folder)
        torch.save(dict(state), folder / STATE)

    return whole(out / FOLDER / f"step-{step:08}", fill)


def whole(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Make ``folder`` of what ``fill`` writes, in place of what was there; until it is whole, nothing has its name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = folder.with_name(f".{folder.name}.half")
    old = folder.with_name(f".{folder.name}.old")
    for one in (half, old):
        if one.exists():
            shutil.rmtree(one)
    half.mkdir()
    fill(half)
    for file in sorted(half.rglob("*")):
        _sync(file)
    _sync(half)
    if folder.exists():  # a name cannot be given to a folder over another that is not empty
        folder.rename(old)
    half.rename(folder)
    _sync(folder.parent)
    if old.exists():
        shutil.rmtree(old)
    return folder


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(folder: Path) -> Mapping[str, Any]:
    """Return the state in a checkpoint. Nothing in it can run. Raises `NotResumable`."""
    try:
        found: Mapping[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch raises whatever its readers raise
        raise NotResumable(f"{str(folder / STATE)!r} cannot be read: {error}") from error
    return found


def prune(out: Path, keep: int) -> None:
    """Remove all checkpoints but the ``keep`` newest, and halves that a kill left behind."""
    there = checkpoints(out)
    for step in sorted(there)[:-keep]:
        # Without its state it is no checkpoint: whatever a kill leaves of the rest is not taken for one.
        (there[step] / STATE).unlink()
        shutil.rmtree(there[step])
    for one in [*(out / FOLDER).glob(".step-*"), *(out / FOLDER).glob("step-*")]:
        if one.name.startswith(".") or not (one / STATE).is_file():
            shutil.rmtree(one)
