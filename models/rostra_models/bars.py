"""Progress of long work on standard error: a bar at a terminal, else a line for each thing that is begun."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import typer

from .embedded import Progress


@contextmanager
def shown() -> Generator[Progress]:
    """Lend something that shows what it hears."""
    if not sys.stderr.isatty():
        begun: set[str] = set()

        def lines(what: str, share: float | None) -> None:
            del share
            if what not in begun:
                begun.add(what)
                typer.echo(f"{what} …", err=True)

        yield lines
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def bar(what: str, share: float | None) -> None:
            for other, task in tasks.items():
                if other != what:
                    bars.update(task, visible=False)
            if what not in tasks:
                # What is said may come from a file: it is no markup.
                tasks[what] = bars.add_task(_plain(what), total=None if share is None else 1.0)
            if share is not None:
                bars.update(tasks[what], completed=share)

        yield bar


def _plain(what: str) -> str:
    from rich.markup import escape

    return escape(what)
