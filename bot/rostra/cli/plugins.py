"""``rostra plugins``: what the installed packages offer."""

from __future__ import annotations

import json

import typer

from .running import Json

app = typer.Typer(help="Show what is installed.", rich_markup_mode=None)


@app.callback()
def plugins() -> None:
    """Show what is installed."""


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """List every component that can be named in the configuration, and the package it comes from.

    Example: rostra plugins list --json
    """
    from ..components import KINDS, installed
    from .printing import table

    rows = [
        {
            "kind": kind,
            "name": point.name,
            "package": point.dist.name if point.dist else "",
            "version": point.dist.version if point.dist else "",
            "object": point.value,
        }
        for kind in KINDS
        for point in installed(kind)
    ]
    if as_json:
        typer.echo(json.dumps({"plugins": rows}, indent=2))
    else:
        table(["Kind", "Name", "Package", "Version"], [list(row.values())[:4] for row in rows])
