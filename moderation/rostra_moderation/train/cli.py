"""``rostra classifier``: train the classifier's weights on one's own data, and say what they are worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rostra.cli.running import Json

app = typer.Typer(
    name="classifier", help="Train the moderation classifier, and measure it.", no_args_is_help=True
)

Data = Annotated[Path, typer.Option("--data", help="Folder with the public sets.", metavar="FOLDER")]
Base = Annotated[
    Path, typer.Option("--base", help="Encoder to start from, in Hugging Face's format.", metavar="FOLDER")
]
Out = Annotated[Path, typer.Option("--out", help="Where the weights go.", metavar="FOLDER")]
Own = Annotated[
    list[Path] | None,
    typer.Option("--rows", help='Your own lines {"text": …, "labels": {head: 0 or 1}}.', metavar="FILE"),
]
Minutes = Annotated[float, typer.Option("--minutes", help="At most this long for the encoder.")]
Epochs = Annotated[float, typer.Option("--epochs", help="How often each row is seen.")]


@app.callback()
def classifier() -> None:
    """Train the moderation classifier, and measure it."""


@app.command()
def train(
    data: Data,
    base: Base,
    out: Out,
    own: Own = None,
    epochs: Epochs = 2.0,
    minutes: Minutes = 600.0,
) -> None:
    """Train weights for the moderator "classifier": some hours on two cores. Needs the extra "moderation".

    Use them with [moderators.classifier] weights = "FOLDER".

    Example: rostra classifier train --data sets --base all-MiniLM-L6-v2 --out ours --rows mine.jsonl
    """
    from rostra.errors import ConfigError

    from .recipe import Request, run

    if not (base / "model.safetensors").is_file():
        raise ConfigError(f"no encoder in {str(base)!r}: it has no model.safetensors")
    request = Request(data=data, base=base, out=out, own=tuple(own or ()), epochs=epochs, minutes=minutes)
    run(request, lambda line: typer.echo(line, err=True))
    typer.echo(f"weights are in {out}")


@app.command()
def measure(
    data: Data,
    weights: Annotated[Path | None, typer.Option("--weights", metavar="FOLDER")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Measure weights on the sets that nothing was learned from; those that ship, if none are named.

    Example: rostra classifier measure --data sets --json
    """
    from .recipe import measured

    found = measured(data, weights)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        typer.echo(f"{name:45} {value:.3f}")
