"""Fine-tuning on questions and answers: what a conversation's answers cost, whole or through a low-rank part.

Differs from the usual: logits are made only where the loss is, rows of similar length are read together without padding to
speak of, and the loss is a mean over all the answer tokens of a step however they were cut into micro-batches.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch.nn import Module

from .chat_batches import ChatBatch, micro_batches, steps_of
from .chat_rows import conversations, files_of
from .chats import Answers, ChatEncoder, Example, encoded, with_template
from .errors import TrainError
from .keeping import kept_by
from .loop import Means, Run, seed, train
from .lora import add_lora
from .losses import CHUNK
from .machine import device_of
from .order import examples as numbers_of
from .passes import PassesLoop, settled
from .processes import together
from .recipe import Loss, Recipe
from .record import recorded
from .resuming import begun_with
from .settings import Count, Natural, Section, Share
from .sources import sourced
from .starting import folder_of, foreseen, model_in, tokenizer_in
from .trunk import plain_head, token_loss

RATE, RATE_LORA = 2e-5, 2e-4
"""Learning rates of the two ways where none is given."""


class SftSettings(Section):
    """``rostra train sft``: what is learnt from, where it starts, and how."""

    data: Path = Field(
        description="A file of conversations (JSON lines, JSON, Parquet), a folder of them, a frozen dataset, or hf:NAME."
    )
    model: Path = Field(description="The Hugging Face folder to start from, or the name of a kept model.")
    out: Path = Field(description="The folder of the run; the result is in its folder model.")
    validation: Path | None = Field(
        default=None, description="Held-out conversations; else a share of the data."
    )
    validation_share: Share = Field(
        default=0.05,
        description="Share of first questions that is held out, where there is no validation file.",
    )
    validation_examples: Count = Field(
        default=256, description="Held-out conversations that are read, at most."
    )
    answers: Answers = Field(
        default="all", description="Learn all answers of a conversation, or its last one."
    )
    window: Count = Field(
        default=1024, description="Tokens of a conversation; longer ones lose their oldest turns."
    )
    batch: Count = Field(default=16, description="Conversations a step.")
    micro_tokens: Count = Field(
        default=4096, description="Tokens that are computed at once; changes no result."
    )
    epochs: Annotated[float, Field(gt=0)] = Field(default=1.0, description="Passes over the data.")
    lora_rank: Natural = Field(
        default=0, description="Rank of the low-rank parts that are trained; 0 trains all."
    )
    lora_alpha: Annotated[float, Field(gt=0)] = Field(
        default=16.0, description="What a low-rank part is scaled by, times its rank."
    )
    recompute: bool = Field(
        default=False, description="Compute layers twice to keep less: slower, in less memory."
    )
    sample_tokens: Natural = Field(default=64, description="Longest sampled answer.")
    loop: PassesLoop = Field(default=PassesLoop(), description="How it is optimised, watched and kept.")


@recorded("sft")
@together
def sft(settings: SftSettings, *, resume: bool = False, means: Means | None = None) -> Run:
    """Fine-tune a model on conversations. Return the run.

    Its facts have ``validation_loss`` in nats an answer token, and what that was before, ``first_validation_loss``.

    Raises `TrainError` and `DatasetError`.
    """
    means = means or Means()
    settings = sourced(settings)
    seed(settings.loop.seed)
    folder = folder_of(settings.model)
    tokenizer, model = tokenizer_in(folder), model_in(folder)
    with_template(tokenizer, model)
    encoder = ChatEncoder(tokenizer, window=settings.window, answers=settings.answers)
    learnt, held, lost = divided(settings, encoder)
    for reason, count in lost.most_common():
        means.say(f"{count:,} rows left out: {reason}")
    if not learnt:
        raise TrainError(f"{str(settings.data)!r} has no conversation to learn from")
    if settings.lora_rank:
        add_lora(model, settings.lora_rank, settings.lora_alpha)
    if settings.recompute:
        model.activation_checkpointing_enable()
    loop = settled(
        settings.loop,
        examples=len(learnt),
        batch=settings.batch,
        epochs=settings.epochs,
        learning_rate=RATE_LORA if settings.lora_rank else RATE,
    )
    line, flops = foreseen(
        model,
        loop,
        tokens=settings.micro_tokens,
        mean=sum(len(one.tokens) for one in learnt) / len(learnt),
        per_step=settings.batch,
        scores=min(CHUNK, settings.micro_tokens),
    )
    means.say(f"{len(learnt):,} conversations, {len(held):,} held out, {loop.steps:,} steps; {line}")
    means = replace(means, step_flops=flops)
    recipe = chat_recipe(settings, model, tokenizer, learnt, held)
    first = _before(model.to(device_of(loop)), recipe)
    run = train(model, recipe, loop, out=settings.out, stage="sft", resume=resume, means=means)
    return replace(run, facts={**run.facts, **first})


def divided(settings: SftSettings, encoder: ChatEncoder) -> tuple[list[Example], list[Example], Counter[str]]:
    """Return the examples to learn from, those held out, and rows left out by reason.

    Conversations that begin with the same question are on one side.
    """
    lost: Counter[str] = Counter()
    all_of = list(conversations(files_of(settings.data), lost))
    if settings.validation is not None:
        learn, hold = all_of, list(conversations(files_of(settings.validation), lost))
    else:
        sides = [_share(settings.loop.seed, said[0].text if said else "") for said in all_of]
        learn = [said for said, side in zip(all_of, sides, strict=True) if side >= settings.validation_share]
        hold = [said for said, side in zip(all_of, sides, strict=True) if side < settings.validation_share]
    learnt, more = encoded(encoder.encode, learn)
    held, _ = encoded(encoder.encode, hold[: settings.validation_examples])
    return learnt, held, lost + more


def _share(number: int, text: str) -> float:
    """Return where in [0, 1) ``text`` stands, whatever else there is."""
    digest = sha256(f"{number}\n{text}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:6]) / 2**48


def chat_recipe(
    settings: SftSettings, model: Any, tokenizer: Any, learnt: Sequence[Example], held: Sequence[Example]
) -> Recipe[ChatBatch]:
    """Return what the loop trains ``model`` on: the examples ``learnt``, those ``held`` out being evaluated."""
    device = device_of(settings.loop)
    plain = plain_head(model)

    def loss(called: Module, batch: ChatBatch) -> Loss:
        total = token_loss(called, batch.ids.to(device), batch.wanted.to(device), plain=plain)
        return Loss(total=total, count=batch.count)

    def evaluate(called: Module) -> Mapping[str, float]:
        if not held:
            return {}
        parts = [loss(called, batch) for batch in micro_batches(held, settings.micro_tokens)]
        mean = sum(float(part.total) for part in parts) / max(1.0, sum(part.count for part in parts))
        return {"validation_loss": mean, "perplexity": math.exp(min(mean, 100.0))}

    def order(step: int) -> Sequence[int]:
        return numbers_of(len(learnt), settings.batch, seed=settings.loop.seed, step=step)

    save, load = kept_by(model, tokenizer)
    return Recipe(
        batches=steps_of(learnt, order=order, tokens=settings.micro_tokens),
        loss=loss,
        evaluate=evaluate,
        samples=partial(_samples, tokenizer=tokenizer, held=held[:4], length=settings.sample_tokens),
        save=save,
        load=load,
        settings=begun_with(settings, "validation_examples", "micro_tokens", "recompute", "sample_tokens"),
    )


def _before(model: Module, recipe: Recipe[ChatBatch]) -> Mapping[str, float]:
    model.eval()
    with torch.no_grad():
        found = recipe.evaluate(model)
    return {f"first_{name}": value for name, value in found.items()}


def _samples(model: Module, *, tokenizer: Any, held: Sequence[Example], length: int) -> list[str]:
    """Return the first answers of held-out conversations as the model gives them now, behind their questions."""
    whole: Any = model
    found: list[str] = []
    for one in held:
        asked: Any = one.tokens[: int(one.wanted.argmax())]
        prompt = torch.tensor(asked.tolist(), device=whole.device)[None]
        said = whole.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=length,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id or 0,
        )
        found.append(tokenizer.decode(said[0]))
    return found
