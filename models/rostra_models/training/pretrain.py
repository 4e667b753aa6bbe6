"""Pre-training: from text to a language model, read from top to bottom."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import cross_entropy

from .checkpoint import whole
from .contamination import overlap
from .corpus import Corpus, split, tokenised
from .errors import TrainError
from .estimate import Size, bytes_needed, step_flops
from .folders import save_folder
from .loop import Means, Run, seed, step_seconds, train
from .losses import linear_cross_entropy
from .machine import device_of
from .packing import NOTHING, Packed, packed_mask
from .processes import in_turn, processes, together
from .progress import duration
from .recipe import Loss, Recipe
from .record import recorded
from .resuming import begun_with
from .rows import Plan, batch, in_order
from .settings import Count, LoopSettings, Section, Share
from .shapes import ShapeSettings, new_model
from .sources import sourced
from .texts import documents
from .tokenizer import Kind, load_tokenizer, specials, train_tokenizer
from .trunk import hidden_states, plain_head

LARGE = 1024
"""Words of a vocabulary whose logits cost more than they are worth all at once."""


class PretrainSettings(Section):
    """What ``rostra train pretrain`` takes."""

    data: Path = Field(
        description="A text, JSON-lines or Parquet file, or a folder of such; a frozen dataset; or hf:NAME."
    )
    out: Path = Field(description="The folder of the run.")
    validation: Path | None = Field(
        default=None, description="Held-out documents; the last validation_share of data if none."
    )
    validation_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.1, description="How much of data is held out where no file is."
    )
    field: str = Field(default="text", description="Where the text is in a line of JSON or a row of Parquet.")
    tokenizer: Kind | Path = Field(
        default="bpe", description='"bpe", "byte" or "char": trained on data; or a folder with one.'
    )
    vocabulary: Count = Field(default=8192, description="Entries of a tokenizer that is trained here.")
    context: Annotated[int, Field(ge=2)] = Field(
        default=1024, description="Tokens in a row, and what the model reads."
    )
    rows: Count = Field(default=8, description="Rows in a micro-batch.")
    micro_batches: Count = Field(
        default=1, description="Micro-batches in a step: their gradients are added up."
    )
    overlap_tokens: Annotated[int, Field(ge=2)] = Field(
        default=50,
        description="Held-out runs of so many tokens that are learned from count as contamination.",
    )
    overlap_limit: Share = Field(default=0.1, description="A greater share of contamination ends the run.")
    sample_prompts: tuple[str, ...] = Field(default=("\n",), description="What samples begin with.")
    sample_tokens: Count = Field(default=200, description="How long samples are.")
    init: Path | None = Field(
        default=None, description="A model to go on from, with its tokenizer; a new one if none."
    )
    shape: ShapeSettings = Field(default=ShapeSettings(), description="What a new model is built like.")
    loop: LoopSettings = Field(description="How it is trained.")


@recorded("pretrain")
@together
def pretrain(settings: PretrainSettings, *, resume: bool = False, means: Means | None = None) -> Run:
    """Train a model on text. Its folder, with the tokenizer in it, is `Run.model`.

    Raises `TrainError`; with ``resume``, goes on from the newest checkpoint in ``settings.out``.
    """
    means = means or Means()
    settings = sourced(settings)
    out = settings.out
    tokenizer, learned, held_out = in_turn(partial(_read, settings, means))
    means.say(f"{learned.tokens - int(learned.starts[0]):,} tokens to learn from")
    _check_overlap(settings, learned, held_out, means)

    seed(settings.loop.seed)
    model = _model(settings, tokenizer)
    size = _size(model, settings)
    plan = Plan(learned, settings.context, settings.rows * settings.micro_batches, settings.loop.seed)

    def batches(step: int) -> Sequence[Packed]:
        rows = plan.rows(step)
        most = min(settings.rows, math.ceil(len(rows) / processes()))
        cuts = range(0, len(rows), most)
        return [batch(learned, rows[at : at + most], settings.context) for at in cuts]

    def evaluate(model: Module) -> Mapping[str, float]:
        return {"validation_loss": validation_loss(model, held_out, settings.context, settings.rows)}

    def save(model: Any, folder: Path) -> None:
        save_folder(model, folder)
        tokenizer.save_pretrained(str(folder))

    recipe = Recipe(
        batches=batches,
        loss=text_loss(model, device_of(settings.loop)),
        evaluate=evaluate,
        samples=lambda model: samples(model, tokenizer, settings),
        save=save,
        settings={
            **begun_with(settings, "rows", "micro_batches", "sample_prompts", "sample_tokens"),
            "rows a step": settings.rows * settings.micro_batches,
        },
    )
    if settings.loop.threads:
        torch.set_num_threads(settings.loop.threads)
    means.say(_forecast(size, settings, step_seconds(model, recipe, settings.loop, means.clock)))
    means = Means(clock=means.clock, say=means.say, step_flops=step_flops(size, settings.micro_batches))
    return train(model, recipe, settings.loop, out=out, stage="pretrain", resume=resume, means=means)


def text_loss(model: Module, device: torch.device) -> Callable[[Module, Packed], Loss]:
    """Return `next_token_loss` in the way that suits ``model`` on ``device``.

    With a large vocabulary a processor is quicker, in half the memory, where logits are made a portion at a time.
    """
    whole: Any = model
    words = int(whole.get_input_embeddings().weight.shape[0])
    plain = device.type == "cpu" and words >= LARGE and plain_head(model)
    return partial(next_token_loss, plain=plain)


def next_token_loss(model: Module, one: Packed, *, plain: bool = False) -> Loss:
    """Return the summed loss of saying what follows, in nats, over the tokens that something follows in.

    ``plain``: make the logits a portion at a time, as `plain_head` allows.
    """
    device = next(model.parameters()).device
    count = float((one.targets != NOTHING).sum())
    if plain:
        return Loss(total=_in_portions(model, one, device), count=count)
    scores = scored(model, one, device)
    targets = one.targets.to(device)
    total = cross_entropy(
        scores.flatten(0, 1).float(), targets.flatten(), ignore_index=NOTHING, reduction="sum"
    )
    return Loss(total=total, count=count)


def _in_portions(model: Module, one: Packed, device: torch.device) -> Tensor:
    whole: Any = model
    apart: dict[str, Tensor] = {}
    if not one.plain:
        apart = {"positions": one.positions.to(device), "mask": packed_mask(one.documents.to(device))}
    states = hidden_states(model, one.ids.to(device), **apart)
    targets = one.targets.to(device)
    learned = targets != NOTHING
    return linear_cross_entropy(states[learned], whole.get_output_embeddings().weight, targets[learned])


def scored(model: Module, one: Packed, device: torch.device) -> Tensor:
    """Return a score for each entry of the vocabulary after each token, ``[rows, room, vocabulary]``.

    A document's scores do not depend on what else is in its row.
    """
    ids = one.ids.to(device)
    if one.plain:  # causal attention without a mask, which is faster
        scores: Tensor = model(input_ids=ids, use_cache=False).logits
        return scores
    mask = packed_mask(one.documents.to(device))
    positions = one.positions.to(device)
    masked: Tensor = model(input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False).logits
    return masked


def validation_loss(model: Module, held_out: Corpus, room: int, rows: int) -> float:
    """Return the mean loss in nats over all of ``held_out``, in rows of ``room`` tokens, each token said once.

    Take it without gradients.
    """
    total, count = 0.0, 0.0
    for one in in_order(held_out, room, max(rows, 4096 // room)):
        loss = next_token_loss(model, one)
        total += float(loss.total)
        count += loss.count
    return total / count


def samples(model: Any, tokenizer: Any, settings: PretrainSettings) -> Sequence[str]:
    """Return what the model goes on with after each prompt, drawn at temperature 1."""
    found: list[str] = []
    for prompt in settings.sample_prompts:
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"].to(model.device)
        room = max(1, settings.context - ids.shape[1])
        said = model.generate(
            ids, max_new_tokens=min(settings.sample_tokens, room), do_sample=True, top_k=0, use_cache=True
        )
        found.append(tokenizer.decode(said[0]))
    return found


def _read(settings: PretrainSettings, means: Means) -> tuple[Any, Corpus, Corpus]:
    """Return the tokenizer, what is learned from and what is held out."""
    tokenizer = _tokenizer(settings, means)
    return tokenizer, *_corpora(settings, tokenizer)


def _tokenizer(settings: PretrainSettings, means: Means) -> Any:
    """Return the tokenizer that was asked for; one that is trained here is kept in the run's folder."""
    if settings.init:
        return load_tokenizer(settings.init)
    if isinstance(settings.tokenizer, Path):
        return load_tokenizer(settings.tokenizer)
    folder = settings.out / "tokenizer"
    if folder.is_dir():
        return load_tokenizer(folder)
    means.say(f"trains a tokenizer: {settings.tokenizer}")
    made = train_tokenizer(
        documents(settings.data, settings.field), kind=settings.tokenizer, vocabulary=settings.vocabulary
    )
    keep: Any = made

    def fill(half: Path) -> None:
        keep.save_pretrained(str(half))

    whole(folder, fill)
    return made


def _corpora(settings: PretrainSettings, tokenizer: Any) -> tuple[Corpus, Corpus]:
    learned = tokenised(settings.data, tokenizer, settings.out / "tokens", field=settings.field)
    if settings.validation is None:
        return split(learned, settings.validation_share)
    return learned, tokenised(
        settings.validation, tokenizer, settings.out / "validation-tokens", field=settings.field
    )


def _check_overlap(settings: PretrainSettings, learned: Corpus, held_out: Corpus, means: Means) -> None:
    found = overlap(learned, held_out, settings.overlap_tokens)
    what = f"{found:.1%} of what is held out stands in runs of {settings.overlap_tokens} tokens that are learned from"
    if found > settings.overlap_limit:
        raise TrainError(f"{what}: overlap_limit is {settings.overlap_limit!r}; hold other documents out")
    means.say(what)


def _model(settings: PretrainSettings, tokenizer: Any) -> Any:
    if settings.init:
        import transformers

        kind: Any = transformers.AutoModelForCausalLM
        return kind.from_pretrained(
            settings.init, dtype=torch.float32, local_files_only=True, trust_remote_code=False
        )
    return new_model(
        settings.shape, vocabulary=len(tokenizer), context=settings.context, special=dict(specials(tokenizer))
    )


def _size(model: Any, settings: PretrainSettings) -> Size:
    weights = list(model.parameters())
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    shape = settings.shape
    return Size(
        parameters=sum(one.numel() for one in weights),
        trained=sum(one.numel() for one in weights if one.requires_grad),
        embedded=0 if tied else model.get_input_embeddings().weight.numel(),
        layers=shape.layers,
        width=shape.width,
        inner=shape.inner_width,
        vocabulary=model.get_input_embeddings().weight.shape[0],
        rows=settings.rows,
        room=settings.context,
    )


def _forecast(size: Size, settings: PretrainSettings, seconds: float) -> str:
    memory = bytes_needed(size, settings.loop) / 1e6
    steps = settings.loop.steps
    return (
        f"{size.parameters / 1e6:.2f} million parameters, {steps:,} steps of"
        f" {size.tokens * settings.micro_batches:,} tokens: about {memory:,.0f} MB on the {device_of(settings.loop)}"
        f" beside PyTorch, and {duration(seconds * steps)}"
    )
