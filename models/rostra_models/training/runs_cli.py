"""``rostra runs``: what was trained, from what, how it went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rostra.cli.running import Config, Json

if TYPE_CHECKING:
    from .runs import Found

app = typer.Typer(name="runs", help="See what was trained, and how it went.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="RUN", help="The name of its folder, how that begins, or its path.")
]
In = Annotated[
    Path | None,
    typer.Option(
        "--in",
        metavar="FOLDER",
        help="Look here; by default in the data folder, and where runs were begun with this program.",
    ),
]


@app.callback()
def runs() -> None:
    """See what was trained, and how it went."""


def all_runs(where: Path | None, config: Path | None) -> Sequence[Found]:
    """Return the runs in a folder, or those that the data folder of a configuration knows of."""
    from .runs import KNOWN, RUNS
    from .runs import runs as found

    if where is not None:
        return found(where)
    from rostra.config import load

    home = load(config).data / RUNS
    return found(home, home / KNOWN)


@app.command("list")
def list_(where: In = None, config: Config = None, *, as_json: Json = False) -> None:
    """List runs, newest first.

    Example: rostra runs list --json
    """
    from rostra.cli.printing import table

    found = all_runs(where, config)
    if as_json:
        typer.echo(json.dumps({"runs": [one.row() for one in found]}, indent=2))
        return
    if not found:
        typer.echo("no runs yet; rostra train makes some")
        return
    table(["Name", "Stage", "State", "Steps", "Figure", "From"], [_cells(one) for one in found])


def _cells(one: Found) -> list[str]:
    record, telling = one.record, one.telling
    parent = record.parent
    return [
        one.name,
        record.stage,
        record.state,
        f"{record.steps:,}",
        f"{telling[0]} {telling[1]:.4f}" if telling else "",
        Path(parent.run or parent.model).name if parent else "",
    ]


@app.command()
def show(name: Name, where: In = None, config: Config = None, *, as_json: Json = False) -> None:
    """Say all that is known of a run: data, model, figures, checkpoints, and what it goes back to.

    Example: rostra runs show sft-2026-01-31-1
    """
    from .runs import lineage, named

    run = named(name, all_runs(where, config))
    line, base = lineage(run)
    kept = _checkpoints(run.folder)
    if as_json:
        back = [{"name": one.name, "stage": one.record.stage, "folder": str(one.folder)} for one in line[1:]]
        row = {**run.row(), "checkpoints": kept, "lineage": back, "base": base}
        typer.echo(json.dumps(row, indent=2))
        return
    record = run.record
    dates = [record.started, *(f"resumed {one}" for one in record.resumed), record.ended]
    told = {
        "run": f"{run.name} ({record.stage}, {record.state}, {record.steps:,} steps)",
        "folder": str(run.folder),
        "when": " - ".join(filter(None, dates)),
        "went wrong": record.error,
        "goes back to": " ← ".join([*(one.name for one in line), *([base] if base else [])]),
        "checkpoints": ", ".join(Path(one).name for one in kept),
        "with": ", ".join(f"{library} {number}" for library, number in record.libraries.items()),
        "seed": str(record.seed),
    }
    for key, value in told.items():
        if value:
            typer.echo(f"{key + ':':<14}{value}")
    for source in record.data:
        dataset = source.dataset
        of = f" ({dataset['name']}@{dataset['version']})" if "name" in dataset else ""
        typer.echo(f"{'data:':<14}{source.path}{of}, {len(source.files)} files")
    for key, figure in record.facts.items():
        typer.echo(f"  {key:<28}{figure:,.4f}")


def _checkpoints(folder: Path) -> list[str]:
    """Return the folders of whole checkpoints, without the libraries that would read them."""
    return [
        str(one) for one in sorted((folder / "checkpoints").glob("step-*")) if (one / "state.pt").is_file()
    ]


@app.command()
def plot(
    names: Annotated[list[str], typer.Argument(metavar="RUN…", help="One or several runs.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The picture, a PNG file.")
    ] = Path("runs.png"),
    where: In = None,
    config: Config = None,
) -> None:
    """Draw the curves of one run or several into one picture.

    Example: rostra runs plot sft-2026-01-31-1 sft-2026-01-31-2 -o both.png
    """
    from .errors import TrainError
    from .journal import METRICS, compared, rows
    from .runs import named

    among = all_runs(where, config)
    chosen = [named(name, among) for name in names]
    told = {one.name if len(chosen) > 1 else "": rows(one.folder / METRICS) for one in chosen}
    if len(told) < len(chosen):
        raise TrainError("two of these runs have the same name: a picture could not tell them apart")
    if not output.absolute().parent.is_dir():
        raise TrainError(f"there is no folder {str(output.absolute().parent)!r} for the picture")
    if compared(told, output) is None:
        raise TrainError(
            "nothing to draw: no figures yet, or matplotlib is missing (pip install 'rostra[train]')"
        )
    typer.echo(f"{output} is written")
