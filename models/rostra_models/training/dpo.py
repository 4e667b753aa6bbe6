"""Direct preference optimisation from ranked answers: a policy is its own reward model, so none is trained and nothing is drawn.

Differs from the usual: all pairs of a ranking are one element and weigh 1 together, each answer is read once however many
pairs it is in, ties and several raters make soft targets, and what the reference thinks of an answer is computed once,
before training, so that no second model is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch.nn import Module

from rostra.feedback.data.formats import Name

from .actor import still
from .chats import ChatEncoder, with_template
from .errors import TrainError
from .keeping import kept_by
from .loop import Means, Run, seed, train
from .lora import add_lora
from .losses import CHUNK
from .machine import device_of, numbers
from .order import examples as numbers_of
from .passes import PassesLoop, settled
from .processes import at_first, gathered, in_turn, portion, processes, rank, together
from .ranked import Ranked, Weigh, divided
from .ranking import Ties, agreement, dpo_rewards, ranking_loss
from .recipe import Loss, Recipe
from .record import recorded
from .resuming import begun_with
from .reward_figures import contests, figures, longer_wins
from .said_batches import Said, SaidBatch, answers_log_probabilities, micro_batches, said_of, shares
from .settings import Count, LoopSettings, Natural, Section, Share
from .sources import sourced
from .starting import folder_of, foreseen, model_in, tokenizer_in
from .trunk import plain_head

RATE, RATE_LORA = 1e-6, 2e-5
"""Learning rates of the two ways where none is given."""


class DpoSettings(Section):
    """``rostra train dpo``: which rankings, what the policy starts from, and how it learns."""

    data: Path = Field(
        description="An export or import of rankings (folder or file), a file of another form, a frozen dataset, or hf:NAME."
    )
    format: Name = Field(default="canonical", description="The form of the file; others are imported first.")
    model: Path = Field(
        description="The Hugging Face folder to start from, or the name of a kept model: policy and reference."
    )
    out: Path = Field(description="The folder of the run; the result is in its folder model.")
    validation_share: Share = Field(
        default=0.1, description="Share of the questions held out, where the data holds none out."
    )
    validation_rankings: Count = Field(default=256, description="Held-out rankings that are read, at most.")
    ties: Ties = Field(
        default="half", description="A tie pulls two answers together (half), or is left out (drop)."
    )
    weigh: Weigh = Field(
        default="judgments",
        description="Each judgment weighs 1, or each question: for pairs that were rankings once.",
    )
    beta: Annotated[float, Field(gt=0)] = Field(
        default=0.1,
        description="Reward of a nat of log-probability over the reference: larger ones stay closer to it.",
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
    epochs: Annotated[float, Field(gt=0)] = Field(default=1.0, description="Passes over the rankings.")
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


@recorded("dpo")
@together
def dpo(settings: DpoSettings, *, resume: bool = False, means: Means | None = None) -> Run:
    """Train a policy on ranked answers. Return the run.

    Its facts have the ``accuracy`` of its implicit rewards on held-out questions and their ``margin``, and what became of
    the log-probabilities of better and worse answers (``better_drift``, ``worse_drift``), in nats. Raises `TrainError` and
    `DatasetError`.
    """
    means = means or Means()
    settings = sourced(settings)
    seed(settings.loop.seed)
    sides, unread = in_turn(lambda: divided(settings))
    folder = folder_of(settings.model)
    tokenizer, model = tokenizer_in(folder), model_in(folder)
    with_template(tokenizer, model)
    still(model)
    encoder = ChatEncoder(tokenizer, window=settings.window, answers="last")
    learnt, rankings, lost = said_of(sides["train"], encoder.encode)
    held, held_rankings, _ = said_of(sides["validation"], encoder.encode)
    test, test_rankings, _ = said_of(sides["test"], encoder.encode)
    longer = longer_wins(rankings)
    _tell(unread, lost, means)
    if not learnt:
        raise TrainError(f"{str(settings.data)!r} has no rankings to learn from")
    loop = settled(
        settings.loop,
        examples=len(learnt),
        batch=settings.batch,
        epochs=settings.epochs,
        learning_rate=RATE_LORA if settings.lora_rank else RATE,
    )
    policy = _Policy(model.to(device_of(loop)), settings, loop)
    order = partial(numbers_of, len(learnt), settings.batch, seed=loop.seed)
    read = sorted({number for step in range(loop.steps) for number in order(step=step)})
    means.say(f"asks the reference about {len(read):,} rankings, and {len(held):,} held out")
    for number, one in zip(read, policy.referred([learnt[number] for number in read]), strict=True):
        learnt[number] = one
    held, test = policy.referred(held), policy.referred(test)
    if settings.lora_rank:
        add_lora(model, settings.lora_rank, settings.lora_alpha)
    if settings.recompute:
        model.activation_checkpointing_enable()
    means = _announced(settings, model, loop, learnt, means)

    def batches(step: int) -> Sequence[SaidBatch]:
        return policy.batches([learnt[number] for number in order(step=step)])

    save, load = kept_by(model, tokenizer)
    recipe = Recipe(
        batches=batches,
        loss=policy.loss,
        evaluate=partial(policy.evaluated, held, held_rankings, longer=longer),
        save=save,
        load=load,
        settings=begun_with(settings, "validation_rankings", "micro_tokens", "share_question", "recompute"),
    )
    run = train(model, recipe, loop, out=settings.out, stage="dpo", resume=resume, means=means)
    facts = at_first(lambda: policy.tested(run.model, test, test_rankings, longer=longer))
    return replace(run, facts={**run.facts, **facts})


def _tell(unread: Counter[str], lost: Counter[str], means: Means) -> None:
    for reason, count in unread.most_common():
        means.say(f"{count:,} judgments left out: {reason}")
    for reason, count in lost.most_common():
        means.say(f"{count:,} answers left out: {reason}")


def _announced(
    settings: DpoSettings, model: Any, loop: LoopSettings, learnt: Sequence[Said], means: Means
) -> Means:
    """Say what the run will need. Return ``means`` with the operations of a step."""
    sizes = [one.element.size(share=settings.share_question) for one in learnt]
    line, flops = foreseen(
        model,
        loop,
        tokens=max(settings.micro_tokens, *sizes),
        mean=sum(sizes) / len(sizes),
        per_step=settings.batch,
        scores=min(CHUNK, settings.micro_tokens),
    )
    means.say(f"{len(learnt):,} rankings, {loop.steps:,} steps; {line}")
    return replace(means, step_flops=flops)


class _Policy:
    """The policy as its rewards are computed, in training, in evaluation and, before both, as the reference."""

    def __init__(self, model: Module, settings: DpoSettings, loop: LoopSettings) -> None:
        self._model = model
        self._settings = settings
        self._loop = loop
        self._device = device_of(loop)
        self._plain = plain_head(model)
        # Sharded weights are gathered at each call of the model, in all processes equally often.
        self._once = processes() > 1 and loop.parallel == "fsdp"
        share = settings.share_question and not self._once
        self._share = share and shares(model, self._device, plain=self._plain)

    def batches(self, rankings: Sequence[Said]) -> list[SaidBatch]:
        most = portion(self._settings.micro_tokens, [one.element.size(share=self._share) for one in rankings])
        return micro_batches(rankings, most, share=self._share, one=self._once)

    def log_probabilities(self, model: Module, batch: SaidBatch) -> Any:
        return answers_log_probabilities(model, batch, self._device, plain=self._plain)

    def referred(self, rankings: Sequence[Said]) -> list[Said]:
        """Return the rankings with what the model now thinks of their answers, computed as it will be in training.

        Of several processes, each asks about its share.
        """
        self._model.eval()
        mine = range(rank(), len(rankings), processes())
        found: list[float] = []
        with torch.no_grad(), numbers(self._loop):
            for batch in self.batches([rankings[at] for at in mine]):
                found += self.log_probabilities(self._model, batch).tolist()
        each = iter(found)
        asked = [(at, tuple(next(each) for _ in rankings[at].said)) for at in mine]
        known = dict(pair for part in gathered(asked) for pair in part)
        return [replace(one, reference=known[at]) for at, one in enumerate(rankings)]

    def loss(self, called: Module, batch: SaidBatch) -> Loss:
        pairs = batch.ranked.pairs.to(self._device)
        policy = self.log_probabilities(called, batch)
        rewards = dpo_rewards(policy, batch.reference.to(self._device), self._settings.beta)
        right = float((agreement(rewards.detach(), pairs) * pairs.weight).sum())
        return Loss(
            total=ranking_loss(rewards, pairs), count=batch.ranked.count, facts={"train_accuracy": right}
        )

    def evaluated(
        self, held: Sequence[Said], rankings: Sequence[Ranked], model: Module, *, longer: bool
    ) -> Mapping[str, float]:
        """Return the figures on held-out rankings by name."""
        if not held:
            return {}
        drifts: list[float] = []
        total = count = 0.0
        for batch in self.batches(held):
            drift = self.log_probabilities(model, batch) - batch.reference.to(self._device)
            pairs = batch.ranked.pairs.to(self._device)
            total += float(ranking_loss(self._settings.beta * drift, pairs))
            count += batch.ranked.count
            drifts += drift.tolist()
        each = iter(drifts)
        moved = [[next(each) for _ in one.answers] for one in rankings]
        rewards = [[self._settings.beta * one for one in group] for group in moved]
        return {
            "validation_loss": total / max(count, 1e-9),
            **figures(rankings, rewards, longer=longer),
            **_moves(rankings, moved, self._settings.beta),
        }

    def tested(
        self, folder: Path, test: Sequence[Said], rankings: Sequence[Ranked], *, longer: bool
    ) -> Mapping[str, float]:
        """Return the figures of the model as it was written on rankings that nothing was chosen by, ``test_`` before their names."""
        if not test:
            return {}
        model = model_in(folder).to(self._device).eval()
        with torch.no_grad(), numbers(self._loop):
            found = self.evaluated(test, rankings, model, longer=longer)
        return {f"test_{name.removeprefix('validation_')}": value for name, value in found.items()}


def _moves(rankings: Sequence[Ranked], moved: Sequence[Sequence[float]], beta: float) -> Mapping[str, float]:
    """Return how far implicit rewards lie apart, and how log-probabilities moved: both may fall, and often do."""
    apart = contests(rankings, moved).apart
    sides: dict[str, list[float]] = {"better": [], "worse": []}
    for one, drift in zip(rankings, moved, strict=True):
        for pair in one.compared:
            if pair.target == 0.5:  # noqa: PLR2004  as many for one as for the other
                continue
            ahead, behind = (pair.first, pair.second) if pair.target > 0.5 else (pair.second, pair.first)  # noqa: PLR2004
            sides["better"].append(drift[ahead])
            sides["worse"].append(drift[behind])
    if not len(apart):
        return {}
    means = {f"{name}_drift": sum(found) / len(found) for name, found in sides.items()}
    return {"margin": beta * float(apart.mean()), **means}
