"""``rostra train``: each stage of training is one command and one file of settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rostra.cli.running import Json

from .configured import settings

if TYPE_CHECKING:
    from .loop import Means, Run

app = typer.Typer(name="train", help="Train a model, stage by stage.", no_args_is_help=True)

Config = Annotated[
    Path | None, typer.Option("--config", help="A TOML file with the settings of the stage.", metavar="FILE")
]
Given = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting, over the file's: loop.steps=100.", metavar="KEY=VALUE"),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the newest checkpoint in the run's folder.")
]


@app.callback()
def train() -> None:
    """Train a model, stage by stage. Needs the extra "train"."""


def means() -> Means:
    """Return what a stage on the command line uses: the machine's clock, and standard error to speak."""
    from .loop import Means

    return Means(say=lambda line: typer.echo(line, err=True))


def finish(run: Run, *, as_json: bool) -> None:
    """Print what came of a run; as JSON it is one line, the last."""
    if as_json:
        typer.echo(json.dumps(run.row()))
        return
    typer.echo(f"the run lies in {run.folder}, its model in {run.model}")
    for name, value in run.facts.items():
        typer.echo(f"{name:20} {value:,.4f}")


@app.command("pretrain")
def pretrain_command(
    config: Config = None, given: Given = None, *, resume: Resume = False, as_json: Json = False
) -> None:
    """Train a language model on text.

    Example: rostra train pretrain --config benchmarks/shakespeare.toml --set data=input.txt --set out=run --json
    """
    from .pretrain import PretrainSettings, pretrain

    found = settings(PretrainSettings, config, given or ())
    finish(pretrain(found, resume=resume, means=means()), as_json=as_json)


@app.command("sft")
def sft_command(
    config: Config = None, given: Given = None, *, resume: Resume = False, as_json: Json = False
) -> None:
    """Fine-tune a model on questions and answers.

    Example: rostra train sft --set data=talk.jsonl --set model=embedded --set out=run --set lora_rank=16
    """
    from .sft import SftSettings, sft

    found = settings(SftSettings, config, given or ())
    finish(sft(found, resume=resume, means=means()), as_json=as_json)


@app.command("reward")
def reward_command(
    config: Config = None,
    given: Given = None,
    *,
    question: Annotated[str, typer.Option(help="A question whose answers are scored when it is done.")] = "",
    answer: Annotated[
        list[str] | None, typer.Option(help="One of its answers; may be given several times.")
    ] = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Train a reward model on ranked answers.

    Example: rostra train reward --set data=pairs.jsonl --set format=trl --set model=embedded --set out=run
    """
    from .reward import RewardSettings, reward, scores

    found = settings(RewardSettings, config, given or ())
    run = reward(found, resume=resume, means=means())
    if answer:
        given_scores = scores(run.model, question, answer, window=found.window)
        for text, score in zip(answer, given_scores, strict=True):
            typer.echo(f"{score:8.3f}  {text}", err=as_json)
    finish(run, as_json=as_json)
