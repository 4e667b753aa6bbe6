"""What ``rostra model list`` and ``show`` say: rows by key, and tables of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from rostra.config import Settings
from rostra.errors import ModelError
from rostra.versions import ModelVersion

from .embedded import NAME
from .shelf import Record
from .versions import about, version_of
from .weights import Weights

SHORT = 12
"""Characters of a hash that tables show."""


def row(
    name: str,
    weights: Weights,
    record: Record | None,
    settings: Settings | None,
    deployed: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return what is known of a kept model; ``deployed`` has the places where it answers, by name.

    Keys are stable: they are only ever added to.
    """
    said = about(weights.folder)
    version = version_of(weights.folder) if record else None
    return {
        "name": name,
        "parameters": weights.parameters,
        "window": weights.window,
        "dtype": weights.dtype,
        "size": weights.size,
        "source": record.source if record else "",
        "licence": record.licence if record else "",
        "made_at": record.made_at if record else "",
        "files": dict(record.files) if record else {},
        "folder": str(weights.folder),
        "architecture": said.architecture,
        "engine": said.engine,
        "template": bool(said.template),
        "version": version.id if version else "",
        "content": version.content if version else "",
        "used_by": used_by(name, settings),
        "deployed": list((deployed or {}).get(name, ())),
    }


def rows(
    found: Sequence[tuple[str, Weights, Record | None]],
    settings: Settings | None,
    deployed: Mapping[str, Sequence[str]] | None = None,
) -> Sequence[dict[str, Any]]:
    """Return the rows of what `rostra_models.shelf.kept` found; a model with damaged settings is left out."""
    made: list[dict[str, Any]] = []
    for name, weights, record in found:
        try:
            made.append(row(name, weights, record, settings, deployed))
        except ModelError:
            continue
    return made


def used_by(name: str, settings: Settings | None) -> Sequence[str]:
    """Return which ``[models.*]`` of the configuration name a kept model."""
    tables = settings.models.items() if settings else ()
    return [
        table for table, of in tables if of.kind == "local" and str(of.options.get("folder", NAME)) == name
    ]


def version_row(version: ModelVersion) -> dict[str, Any]:
    """Return a version that the database knows, as JSON."""
    return {
        "id": version.id,
        "name": version.name,
        "kind": version.kind,
        "source": version.source,
        "content": version.content,
        "parameters": version.parameters,
        "licence": version.licence,
        "parent": version.parent,
        "made_at": version.made_at.isoformat(timespec="seconds") if version.made_at else "",
        "meta": dict(version.meta),
    }


def print_models(found: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of `row` as a table."""
    header = (
        "NAME",
        "PARAMETERS",
        "WINDOW",
        "SIZE",
        "KIND",
        "ENGINE",
        "VERSION",
        "LICENCE",
        "ANSWERS",
        "SOURCE",
    )
    print_table(
        header,
        [
            (
                one["name"],
                f"{one['parameters'] / 1e6:,.1f} M",
                str(one["window"] or "?"),
                f"{one['size'] / 1e6:,.0f} MB",
                one["architecture"] or "?",
                one["engine"],
                one["version"][:SHORT] or "?",
                one["licence"] or "?",
                ", ".join(one["deployed"]) or "-",
                one["source"] or "?",
            )
            for one in found
        ],
    )


def print_versions(found: Sequence[ModelVersion]) -> None:
    """Print versions as a table."""
    cells = [(one.id[:SHORT], one.name, one.kind, one.licence or "?", one.source or "?") for one in found]
    print_table(("VERSION", "NAME", "KIND", "LICENCE", "SOURCE"), cells)


def print_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print cells in columns as wide as they need to be."""
    lines = [header, *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def text(value: object) -> str:
    """Return a value of a row as ``show`` prints it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "?"  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]  of names
    return "?" if value in {"", None} else str(value)


def folder_of(source: str, models: Path) -> Path:
    """Return the folder of a kept model, or of a path. Raises `ModelError` if there is none."""
    kept_there = models / source
    if "/" not in source and not source.startswith((".", "~")) and kept_there.is_dir():
        return kept_there
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    raise ModelError(f"{source!r} is neither a model that `rostra model list` lists nor a folder")
