"""Exports that must be deleted, since somebody in them was erased or withdrew, and the deletion of those that lie here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias

from ..stores import Datasets
from ..values import ExportArtifact
from .export import MANIFEST

State: TypeAlias = Literal["here", "changed", "elsewhere"]
"""It lies where it was written; something else lies there; it was moved or deleted, or went to somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """An export that is to be deleted, and whether it is still where it was written."""

    export: ExportArtifact
    state: State


async def recalled(store: Datasets, dataset: str | None = None) -> Sequence[Recalled]:
    """Return the exports of a dataset (None: of all) that were recalled, oldest first."""
    return [
        Recalled(export=one, state=state_of(one))
        for one in await store.exports(dataset)
        if one.recalled_at is not None
    ]


def state_of(export: ExportArtifact) -> State:
    """Return whether an export lies where it was written."""
    manifest = Path(export.uri) / MANIFEST
    if not Path(export.uri).is_absolute() or not manifest.is_file():
        return "elsewhere"
    return "here" if sha256(manifest.read_bytes()).hexdigest() == export.sha256 else "changed"


def delete(one: Recalled) -> bool:
    """Delete the files of a recalled export that lies here: those its manifest names, and the folder if nothing else is in it.

    Return whether they were there.
    """
    if one.state != "here":
        return False
    folder = Path(one.export.uri)
    names = [each["name"] for each in json.loads((folder / MANIFEST).read_bytes())["files"]]
    if {each.name for each in folder.iterdir()} <= {*names, MANIFEST, "README.md"}:
        shutil.rmtree(folder)
        return True
    for name in (*names, "README.md", MANIFEST):
        (folder / Path(name).name).unlink(missing_ok=True)
    return True
