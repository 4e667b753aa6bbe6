"""A reward model from ranked answers: a scalar head on a language model's trunk.

Differs from the usual: all pairs of a ranking are one batch element and weigh 1 together (Ouyang et al. 2022), each answer is
read once however many pairs it is in, ties and partial rankings count, several raters make soft targets, and the result is
set beside what length alone would give.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch.nn import Module

from rostra.chat import Utterance
from rostra.feedback.data.formats import Name
from rostra.feedback.values import Split

from ..scorer_engine import load
from ..scorer_layout import RewardLayout
from ..scorer_wire import Load
from .chats import with_template
from .errors import TrainError
from .keeping import kept_by
from .loop import Means, Run, seed, train
from .lora import add_lora
from .machine import device_of
from .order import examples as numbers_of
from .passes import PassesLoop, settled
from .processes import at_first, in_turn, portion, processes, together
from .ranked import Ranked, Weigh, divided
from .ranking import Ties, agreement, centring, ranking_loss
from .recipe import Loss, Recipe
from .record import recorded
from .resuming import begun_with
from .reward_batches import Element, RankedBatch, element, micro_batches, rewards_of, shares
from .reward_figures import figures, longer_wins
from .settings import Count, Natural, Section, Share
from .sources import sourced
from .starting import folder_of, foreseen, model_in, tokenizer_in

RATE, RATE_LORA = 1e-5, 2e-4
"""Learning rates of the two ways where none is given."""


class RewardSettings(Section):
    """``rostra train reward``: which rankings, what the model starts from, and how it learns."""

    data: Path = Field(
        description="An export or import of rankings (folder or file), a file of another form, a frozen dataset, or hf:NAME."
    )
    format: Name = Field(default="canonical", description="The form of the file; others are imported first.")
    model: Path = Field(description="The Hugging Face folder to start from, or the name of a kept model.")
    out: Path = Field(description="The folder of the run; the result is in its folder model.")
    validation_share: Share = Field(
        default=0.1, description="Share of the questions held out, where the data holds none out."
    )
    validation_rankings: Count = Field(default=512, description="Held-out rankings that are read, at most.")
    ties: Ties = Field(
        default="half", description="A tie pulls two rewards together (half), or is left out (drop)."
    )
    weigh: Weigh = Field(
        default="judgments",
        description="Each judgment weighs 1, or each question: for pairs that were rankings once.",
    )
    margin: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="How far apart rewards should be at least, a tier, before a pair costs little.",
    )
    centring: Annotated[float, Field(ge=0)] = Field(
        default=0.01, description="How strongly rewards are kept about zero."
    )
    window: Count = Field(
        default=1024, description="Tokens of a conversation; longer ones lose their oldest turns."
    )
    batch: Count = Field(default=16, description="Rankings a step.")
    micro_tokens: Count = Field(
        default=4096, description="Tokens that are computed at once; changes no result."
    )
    share_question: bool = Field(
        default=True,
        description="Read a long question once for all its answers, where the model can; changes no result.",
    )
    epochs: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="Passes over the rankings; reward models overfit soon after the first."
    )
    lora_rank: Natural = Field(
        default=0, description="Rank of the low-rank parts that are trained; 0 trains all."
    )
    lora_alpha: Annotated[float, Field(gt=0)] = Field(
        default=16.0, description="What a low-rank part is scaled by, times its rank."
    )
    recompute: bool = Field(
        default=False, description="Compute layers twice to keep less: slower, in less memory."
    )
    loop: PassesLoop = Field(default=PassesLoop(), description="How it is optimised, watched and kept.")


@recorded("reward")
@together
def reward(settings: RewardSettings, *, resume: bool = False, means: Means | None = None) -> Run:
    """Train a reward model. Return the run; its facts have ``accuracy`` on held-out questions, and more with ``test_``.

    The result is a sequence classifier of transformers with one label. Raises `TrainError` and `DatasetError`.
    """
    means = means or Means()
    settings = sourced(settings)
    seed(settings.loop.seed)
    sides, lost = in_turn(lambda: divided(settings))
    for reason, count in lost.most_common():
        means.say(f"{count:,} judgments left out: {reason}")
    if not sides["train"]:
        raise TrainError(f"{str(settings.data)!r} has no rankings to learn from")
    folder = folder_of(settings.model)
    tokenizer = tokenizer_in(folder)
    model = _model(folder, tokenizer, settings)
    layout = RewardLayout(tokenizer, settings.window).tokens
    elements: dict[Split, list[Element]] = {
        split: [element(one, layout) for one in side] for split, side in sides.items()
    }
    _pad_apart(model, tokenizer, {answer[-1] for one in elements["train"] for answer in one.tokens})
    loop = settled(
        settings.loop,
        examples=len(elements["train"]),
        batch=settings.batch,
        epochs=settings.epochs,
        learning_rate=RATE_LORA if settings.lora_rank else RATE,
    )
    learnt = [one.size(share=settings.share_question) for one in elements["train"]]
    line, flops = foreseen(
        model,
        loop,
        tokens=max(settings.micro_tokens, *learnt),
        mean=sum(learnt) / len(learnt),
        per_step=settings.batch,
        scores=0,
    )
    counts = ", ".join(f"{len(side):,} {split}" for split, side in sides.items())
    means.say(f"rankings: {counts}, {loop.steps:,} steps; {line}")
    means = replace(means, step_flops=flops)
    recipe = ranked_recipe(settings, model, tokenizer, elements, sides)
    run = train(model, recipe, loop, out=settings.out, stage="reward", resume=resume, means=means)
    facts = at_first(lambda: _looked_at(settings, run.model, elements, sides))
    return replace(run, facts={**run.facts, **facts})


def scores(folder: Path, question: str, answers: Sequence[str], *, window: int = 1024) -> Sequence[float]:
    """Return the rewards of answers to a question by the model in ``folder``, as the bot's scorer computes them."""
    engine = load(
        Load(
            folder=str(folder),
            dtype="float32",
            threads=torch.get_num_threads(),
            window=window,
            batch=8192,
            nice=0,
        )
    )
    asked = Utterance(role="user", text=question)
    return engine.score([[asked, Utterance(role="assistant", text=answer)] for answer in answers])


def _model(folder: Path, tokenizer: Any, settings: RewardSettings) -> Any:
    """Return the trunk of a model with a head whose values are about as large as 1 at first (Stiennon et al. 2020)."""
    model = model_in(folder, "SequenceClassification", num_labels=1)
    if not isinstance(getattr(model, "score", None), torch.nn.Linear):
        raise TrainError(
            f"{type(model).__name__} reads from both sides; a reward model is made of a model that answers"
        )
    with_template(tokenizer, model)
    model.config.id2label, model.config.label2id = {0: "reward"}, {"reward": 0}
    model.config.use_cache = False
    width = model.score.weight.shape[1]
    torch.nn.init.normal_(model.score.weight, std=(width + 1) ** -0.5)
    if settings.lora_rank:
        add_lora(model, settings.lora_rank, settings.lora_alpha)
        model.score.weight.requires_grad_(True)
    if settings.recompute:
        model.activation_checkpointing_enable()
    return model


def _pad_apart(model: Any, tokenizer: Any, last: set[int]) -> None:
    """Pad with a token that ends no conversation: transformers reads the reward before the padding, by its number.

    Raises `TrainError` if each special token may end one.
    """
    found = [tokenizer.pad_token_id, *tokenizer.all_special_ids]
    padding = next((one for one in found if one is not None and one not in last), None)
    if padding is None:
        raise TrainError(
            "every special token of the tokenizer ends a conversation, so none is left for padding"
        )
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(padding)
    tokenizer.padding_side = "right"
    model.config.pad_token_id = padding


def ranked_recipe(
    settings: RewardSettings,
    model: Any,
    tokenizer: Any,
    elements: Mapping[Split, Sequence[Element]],
    sides: Mapping[Split, Sequence[Ranked]],
) -> Recipe[RankedBatch]:
    """Return what the loop trains ``model`` on: the rankings of each side, and the same as ``elements`` to be read."""
    device = device_of(settings.loop)
    learnt, held = elements["train"], elements["validation"]
    one = (
        processes() > 1 and settings.loop.parallel == "fsdp"
    )  # which gathers weights at each call of the model
    share = settings.share_question and not one and shares(model.to(device), device)

    def batches(step: int) -> Sequence[RankedBatch]:
        numbers = numbers_of(len(learnt), settings.batch, seed=settings.loop.seed, step=step)
        those = [learnt[at] for at in numbers]
        most = portion(settings.micro_tokens, [each.size(share=share) for each in those])
        return micro_batches(those, most, share=share, one=one)

    def loss(called: Module, batch: RankedBatch) -> Loss:
        rewards = rewards_of(called, batch, device)
        pairs = batch.pairs.to(device)
        total = ranking_loss(rewards, pairs, margin=settings.margin)
        if settings.centring:
            total = total + settings.centring * centring(rewards, pairs)
        right = float((agreement(rewards.detach(), pairs) * pairs.weight).sum())
        return Loss(total=total, count=batch.count, facts={"train_accuracy": right})

    save, reload = kept_by(model, tokenizer)
    return Recipe(
        batches=batches,
        loss=loss,
        evaluate=partial(
            _evaluated,
            elements=held,
            rankings=sides["validation"],
            tokens=settings.micro_tokens,
            longer=longer_wins(sides["train"]),
        ),
        save=save,
        load=reload,
        settings=begun_with(settings, "validation_rankings", "micro_tokens", "share_question", "recompute"),
    )


def _rewards(model: Any, elements: Sequence[Element], tokens: int) -> tuple[list[list[float]], float]:
    """Return the rewards of each ranking's answers, and the mean loss of a judgment."""
    found: list[float] = []
    total = count = 0.0
    for batch in micro_batches(elements, tokens):
        rewards: Any = rewards_of(model, batch, model.device).float()
        total += float(ranking_loss(rewards, batch.pairs.to(model.device)))
        count += batch.count
        found += rewards.tolist()
    each = iter(found)
    return [[next(each) for _ in one.tokens] for one in elements], total / max(count, 1e-9)


def _evaluated(
    model: Any, *, elements: Sequence[Element], rankings: Sequence[Ranked], tokens: int, longer: bool
) -> Mapping[str, float]:
    if not elements:
        return {}
    rewards, loss = _rewards(model, elements, tokens)
    return {"validation_loss": loss, **figures(rankings, rewards, longer=longer)}


def _looked_at(
    settings: RewardSettings,
    folder: Path,
    elements: Mapping[Split, Sequence[Element]],
    sides: Mapping[Split, Sequence[Ranked]],
) -> Mapping[str, float]:
    """Look at the model as it was written. Return figures on the test side, and the mean and spread of rewards.

    These two go into its configuration as well: a reward of ``reward_mean`` is an average answer's.
    """
    model = model_in(folder, "SequenceClassification").to(device_of(settings.loop)).eval()
    with torch.no_grad():
        usual = elements["validation"] or elements["train"][:256]
        rewards = torch.tensor(
            [one for group in _rewards(model, usual, settings.micro_tokens)[0] for one in group]
        )
        facts = {"reward_mean": float(rewards.mean()), "reward_sd": float(rewards.std())}
        if elements["test"]:
            given, loss = _rewards(model, elements["test"], settings.micro_tokens)
            found = figures(sides["test"], given, longer=longer_wins(sides["train"]))
            facts |= {f"test_{name}": value for name, value in {"loss": loss, **found}.items()}
    file = folder / "config.json"
    config: dict[str, Any] = json.loads(file.read_bytes())
    kept = {name: facts[name] for name in ("reward_mean", "reward_sd")}
    file.write_text(
        json.dumps(config | kept | {"reward_window": settings.window}, indent=2), encoding="utf-8"
    )
    return facts
