"""``rostra train``: each stage of training is one command and one file of settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rostra.cli.running import Json

from .configured import settings
from .processes import rank

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
    """Print what came of a run; as JSON it is one line, the last. Of several processes the first one prints it."""
    if rank():
        return
    if as_json:
        typer.echo(json.dumps(run.row()))
        return
    made = "tokenizer" if run.stage == "tokenizer" else "model"
    typer.echo(f"the run lies in {run.folder}, its {made} in {run.model}")
    for name, value in run.facts.items():
        typer.echo(f"{name:20} {value:,.4f}")


@app.command("tokenizer")
def tokenizer_command(config: Config = None, given: Given = None, *, as_json: Json = False) -> None:
    """Train a tokenizer on text.

    Example: rostra train tokenizer --set data=texts --set vocabulary=16000 --set out=runs/tokens
    """
    from .tokenise import TokenizerSettings, tokenizer

    found = settings(TokenizerSettings, config, given or ())
    finish(tokenizer(found, means=means()), as_json=as_json)


@app.command("pretrain")
def pretrain_command(
    config: Config = None, given: Given = None, *, resume: Resume = False, as_json: Json = False
) -> None:
    """Train a language model on text.

    Example: rostra train pretrain --config benchmarks/shakespeare.toml --set data=input.txt --set out=run --json
    """
    from .pretrain import PretrainSettings, pretrain

    found = settings(PretrainSettings, config, given or (), resume=resume)
    finish(pretrain(found, resume=resume, means=means()), as_json=as_json)


@app.command("sft")
def sft_command(
    config: Config = None, given: Given = None, *, resume: Resume = False, as_json: Json = False
) -> None:
    """Fine-tune a model on questions and answers.

    Example: rostra train sft --set data=talk.jsonl --set model=embedded --set out=run --set lora_rank=16
    """
    from .sft import SftSettings, sft

    found = settings(SftSettings, config, given or (), resume=resume)
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

    found = settings(RewardSettings, config, given or (), resume=resume)
    run = reward(found, resume=resume, means=means())
    if answer and not rank():
        given_scores = scores(run.model, question, answer, window=found.window)
        for text, score in zip(answer, given_scores, strict=True):
            typer.echo(f"{score:8.3f}  {text}", err=as_json)
    finish(run, as_json=as_json)


@app.command("ppo")
def ppo_command(
    config: Config = None, given: Given = None, *, resume: Resume = False, as_json: Json = False
) -> None:
    """Train a fine-tuned model against a reward model.

    Example: rostra train ppo --set data=questions.txt --set model=runs/sft/model --set reward=runs/reward/model --set out=run
    """
    from .ppo import PpoSettings, ppo

    found = settings(PpoSettings, config, given or (), resume=resume)
    finish(ppo(found, resume=resume, means=means()), as_json=as_json)


@app.command("dpo")
def dpo_command(
    config: Config = None, given: Given = None, *, resume: Resume = False, as_json: Json = False
) -> None:
    """Train a policy on ranked answers directly, without a reward model (DPO).

    Example: rostra train dpo --set data=pairs.jsonl --set format=trl --set model=embedded --set out=run
    """
    from .dpo import DpoSettings, dpo

    found = settings(DpoSettings, config, given or (), resume=resume)
    finish(dpo(found, resume=resume, means=means()), as_json=as_json)


@app.command("best-of")
def best_of_command(config: Config = None, given: Given = None, *, as_json: Json = False) -> None:
    """Draw several answers a question and keep those that a reward model likes best: data, and what to beat.

    Example: rostra train best-of --set data=questions.txt --set model=embedded --set reward=run/model --set out=best
    """
    from .best_of import BestOfSettings, best_of

    found = settings(BestOfSettings, config, given or ())
    finish(best_of(found, means=means()), as_json=as_json)


@app.command("rloo")
def rloo_command(
    config: Config = None, given: Given = None, *, resume: Resume = False, as_json: Json = False
) -> None:
    """Train a fine-tuned model against a reward model without a critic: answers to one question are compared.

    Example: rostra train rloo --set data=questions.txt --set model=runs/sft/model --set reward=runs/reward/model --set out=run
    """
    from .rloo import RlooSettings, rloo

    found = settings(RlooSettings, config, given or ())
    finish(rloo(found, resume=resume, means=means()), as_json=as_json)
