"""What a folder holds, as a version: the hash of everything that shapes its answers, and what it says about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256 as hashed
from pathlib import Path
from typing import Literal, TypeAlias

from rostra.versions import ModelVersion, VersionKind

from .json_files import json_object
from .shape import shape_of
from .shelf import KEPT, RECORD, record, sha256
from .weights import INDEX, read, weight_files

Engine: TypeAlias = Literal["lean", "transformers"]

_ASIDE = frozenset({RECORD, INDEX})
"""Files that are not part of what a model is."""

_PROSE = ("licen", "notice", "readme", "use_policy")
"""How files begin that are for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What ``config.json`` and the tokenizer's settings say. ``template`` is the SHA-256 of the chat template, empty without one."""

    architecture: str
    engine: Engine
    template: str


def about(folder: Path) -> About:
    """Return what a model's folder says about itself. Raises `ModelError` if its configuration is no JSON object."""
    config = json_object(folder / "config.json")
    architecture = str(config.get("model_type") or "")
    return About(
        architecture=architecture,
        engine="lean" if shape_of(config) else "transformers",
        template=_template(folder),
    )


def content_of(folder: Path, weights: Mapping[str, str]) -> str:
    """Return one SHA-256 for all of a model: weights (by their hashes), tokenizer, template and configuration.

    Neither the names of weight files count, nor how they are split, nor what is written for people.
    """
    others = {file.name: sha256(file) for file in sorted(folder.iterdir()) if _counts(file)}
    return hashed(json.dumps([sorted(weights.values()), sorted(others.items())]).encode()).hexdigest()


def version_of(folder: Path, *, name: str = "", kind: VersionKind = "base", parent: str = "") -> ModelVersion:
    """Return the version that lies in ``folder``; ``name`` is what to call it, by default what the folder is called.

    Of a model that ``rostra model pull`` made this takes milliseconds; of another one its weights are hashed, about a
    second a gigabyte, so call it in a thread. Raises `ModelError` if there is no model.
    """
    weights, found = read(folder), record(folder)
    files = found.files if found else {file.name: sha256(file) for file in weight_files(folder)}
    said = about(folder)
    return ModelVersion(
        name=name or folder.resolve().name,
        kind=kind,
        source=found.source if found else str(folder.resolve()),
        content=content_of(folder, files),
        parameters=weights.parameters,
        licence=found.licence if found else "",
        parent=parent,
        made_at=datetime.fromisoformat(found.made_at) if found else None,
        meta={
            "architecture": said.architecture,
            "dtype": weights.dtype,
            "window": weights.window,
            "template": said.template,
            "files": dict(files),
        },
    )


def _counts(file: Path) -> bool:
    name = file.name.lower()
    return (
        file.is_file()
        and file.suffix in KEPT - {".safetensors"}
        and file.name not in _ASIDE
        and not name.startswith(_PROSE)
    )


def _template(folder: Path) -> str:
    file = folder / "chat_template.jinja"
    if file.is_file():
        return sha256(file)
    found = json_object(folder / "tokenizer_config.json", needed=False).get("chat_template")
    if not found:
        return ""
    return hashed((found if isinstance(found, str) else json.dumps(found)).encode()).hexdigest()
