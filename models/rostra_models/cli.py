"""``rostra model``: get models, and see which are there."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rostra.clock import SystemClock
from rostra.errors import ModelError, RostraError

from .embedded import NAME, Progress, pull
from .shelf import Record, copy, kept
from .weights import Weights

app = typer.Typer(name="model", help="Get models, and see which are there.", no_args_is_help=True)

Data = Annotated[
    Path | None,
    typer.Option(
        help="The data folder. By default the configuration's: ROSTRA_DATA, else the user's data folder."
    ),
]
Config = Annotated[
    Path | None, typer.Option(help="The configuration file; by default rostra.toml, if it exists.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("pull")
def pull_model(
    source: Annotated[
        str, typer.Argument(metavar="NAME", help="embedded, or the path of a Hugging Face folder to copy.")
    ],
    name: Annotated[
        str, typer.Option("--name", help="What to call a copied model; by default what its folder is called.")
    ] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a model ready to answer. Quick if it is there.

    Example: rostra model pull embedded
    """
    with _one_line():
        models = _models(data, config)
        folder = Path(source).expanduser()
        if source == NAME:
            with _shown() as progress:
                made = pull(models, clock=SystemClock(), progress=progress)
        elif folder.is_dir():
            with _shown() as progress:
                target = models / _name(name or folder.resolve().name)
                made = copy(folder, target, clock=SystemClock(), progress=progress)
        else:
            raise ModelError(f"{source!r} is neither 'embedded' nor a folder with a model")
        typer.echo(f"{made.name} is ready: {made}")


@app.command("list")
def list_models(*, as_json: Json = False, data: Data = None, config: Config = None) -> None:
    """List the models that are ready.

    Example: rostra model list --json
    """
    with _one_line():
        models = _models(data, config)
        rows = [_row(*one) for one in kept(models)]
        if as_json:
            typer.echo(json.dumps(rows, indent=2))
        elif not rows:
            typer.echo(f"no models in {models}; `rostra model pull embedded` gets one")
        else:
            _print_table(rows)


@app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model that `rostra model list` lists.")],
    *,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what a model is and where it came from.

    Example: rostra model show embedded
    """
    with _one_line():
        models = _models(data, config)
        rows = {found: _row(found, weights, record) for found, weights, record in kept(models)}
        if name not in rows:
            raise ModelError(f"no model {name!r} in {str(models)!r}; there are: {', '.join(rows) or 'none'}")
        if as_json:
            typer.echo(json.dumps(rows[name], indent=2))
        else:
            for key, value in rows[name].items():
                typer.echo(f"{key + ':':<12} {_text(value)}")


def _models(data: Path | None, config: Path | None) -> Path:
    if data is not None:
        return data.expanduser() / "models"
    from rostra.config import load  # takes a while, and is not always needed

    return load(config).data / "models"


def _name(name: str) -> str:
    if name in {NAME, ".", ".."} or name.startswith(".") or "/" in name:
        raise ModelError(f"{name!r} cannot be the name of a copied model; give another with --name")
    return name


def _row(name: str, weights: Weights, record: Record | None) -> dict[str, Any]:
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
    }


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    header = ("NAME", "PARAMETERS", "WINDOW", "SIZE", "LICENCE", "SOURCE")
    cells = [
        header,
        *((one["name"], *_figures(one), one["licence"] or "?", one["source"] or "?") for one in rows),
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _figures(row: dict[str, Any]) -> tuple[str, str, str]:
    return f"{row['parameters'] / 1e6:,.1f} M", str(row["window"] or "?"), f"{row['size'] / 1e6:,.0f} MB"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return "?" if value in {"", None} else str(value)


@contextmanager
def _one_line() -> Generator[None]:
    """Tell what went wrong in one line on standard error, with status 1."""
    try:
        yield
    except RostraError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


@contextmanager
def _shown() -> Generator[Progress]:
    """Show progress on standard error: a bar at a terminal, else a line for each thing that is begun."""
    if not sys.stderr.isatty():
        begun: list[str] = []

        def lines(what: str, share: float | None) -> None:
            del share
            if what not in begun:
                begun.append(what)
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
                tasks[what] = bars.add_task(what, total=None if share is None else 1.0)
            if share is not None:
                bars.update(tasks[what], completed=share)

        yield bar
