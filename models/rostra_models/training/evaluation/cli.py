"""``rostra eval``: how good a model is, and whether another is better."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from rostra.cli.running import Json

from ..cli import Config, Given, means
from ..configured import settings

if TYPE_CHECKING:
    from .report import Evaluation

app = typer.Typer(name="eval", help="Evaluate models, and compare them.", no_args_is_help=True)


@app.callback()
def evaluate() -> None:
    """Evaluate models, and compare them. Needs the extra "train"."""


def finish(done: Evaluation, *, as_json: bool) -> None:
    """Print what was found; as JSON it is one line, the last."""
    if as_json:
        typer.echo(json.dumps(done.row()))
        return
    for name, value in done.figures.items():
        if isinstance(value, float):
            typer.echo(f"{name:28} {value:,.4f}")
        elif isinstance(value, str):
            typer.echo(f"{name:28} {value}")
    typer.echo(f"the report is {done.folder / 'report.md'}")


@app.command("perplexity")
def perplexity_command(config: Config = None, given: Given = None, *, as_json: Json = False) -> None:
    """Measure how well a model says held-out text, or the answers of held-out conversations.

    Example: rostra eval perplexity --set model=run/model --set against=embedded --set data=held.jsonl --set out=report
    """
    from .perplexity import PerplexitySettings, perplexity

    finish(perplexity(settings(PerplexitySettings, config, given or ()), means=means()), as_json=as_json)


@app.command("reward")
def reward_command(config: Config = None, given: Given = None, *, as_json: Json = False) -> None:
    """Measure how often a reward model agrees with people, source by source.

    Example: rostra eval reward --set model=run/model --set data=exports/helpful --set out=report --json
    """
    from .accuracy import AccuracySettings, reward_accuracy

    finish(reward_accuracy(settings(AccuracySettings, config, given or ()), means=means()), as_json=as_json)


@app.command("compare")
def compare_command(
    config: Config = None,
    given: Given = None,
    *,
    samples: Annotated[
        bool, typer.Option("--samples", help="Print answers side by side as well, to standard error.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have two models answer the same questions: which is better, how far it moved, and what else changed.

    Example: rostra eval compare --set a=sft/model --set b=ppo/model --set data=held.jsonl --set rewards.mine=reward/model --set out=report
    """
    from rostra.logs import configured

    from .compare import SAMPLES, CompareSettings, compare

    with configured(level="error"):  # a moderator that is slow is a figure
        done = compare(settings(CompareSettings, config, given or ()), means=means())
    if samples:
        typer.echo((done.folder / SAMPLES).read_text(encoding="utf-8"), err=True)
    finish(done, as_json=as_json)
