"""Tables for people: drawn at a terminal, aligned columns in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to standard output."""
    if not sys.stdout.isatty():
        from ..views import Table, View, as_text

        cells = Table(header=tuple(header), rows=tuple(tuple(row) for row in rows))
        typer.echo(as_text(View(parts=(cells,))))
        return
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)
