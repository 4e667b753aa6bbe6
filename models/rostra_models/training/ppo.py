"""PPO: answers are drawn, scored, and made more likely where they earned more than expected, not far from where it began.

Schulman et al. 2017 (arXiv 1707.06347) as Ziegler et al. 2019 (arXiv 1909.08593) and Ouyang et al. 2022 (arXiv 2203.02155)
take it to language models. Differs from the usual: answers come from the engine that serves, values from a head on the
policy's own trunk, and the reference under low-rank adaptation is the same model with its low-rank parts switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from . import checkpoint
from .actor import Actor, Critic, aligned, reference_of, same_words, still
from .chat_batches import ChatBatch
from .chats import with_template
from .earning import Score, scored_by
from .errors import TrainError
from .keeping import kept_by
from .loop import Means, Run, seed, train
from .lora import add_lora
from .losses import CHUNK
from .machine import device_of
from .passes import PassesLoop, settled
from .policy import Estimate, clipped_policy_loss, clipped_value_loss, kl
from .practice import Advantage, Part
from .processes import processes, together
from .questions import Question, parted, room_for
from .recipe import Loss, Recipe
from .record import recorded
from .remembering import Remembered, remembered
from .resuming import begun_with
from .rollouts import Speaker
from .rounds import Rounds
from .settings import Count, LoopSettings, Natural, Section, Share
from .sources import sourced
from .starting import folder_of, foreseen, model_in, tokenizer_in

RATE, RATE_LORA = 3e-6, 1e-4
"""Learning rates of the two ways where none is given."""

Above = Annotated[float, Field(gt=0)]
AtLeastZero = Annotated[float, Field(ge=0)]


class PpoLoop(PassesLoop):
    """``[loop]`` of PPO: a step is a minibatch, and rounds settle how many there are."""

    steps: Natural = Field(default=0, description="Optimiser steps at most; 0 is as many as the rounds take.")
    epsilon: Above = Field(
        default=1e-5, description="AdamW's: PyTorch's 1e-8 makes the first steps far too long."
    )
    decay: Literal["constant", "linear", "cosine"] = Field(
        default="linear", description="How the learning rate falls at the end."
    )
    warmup_share: Share = Field(
        default=0.0, description="Share of the steps in which the rate rises, where warmup_steps is 0."
    )
    log_every: Count = Field(default=1, description="Steps between lines of the journal.")


class PpoSettings(Section):
    """``rostra train ppo``: what is asked, who answers, what is rewarded, and how far the answers may move."""

    data: Path = Field(
        description="Questions: conversations (JSON lines, Parquet) up to the last one, or lines of a .txt file."
    )
    model: Path = Field(
        description="The fine-tuned model's Hugging Face folder, or the name of a kept model."
    )
    reward: Path | None = Field(
        default=None, description="The reward model's folder or name; in Python a function does as well."
    )
    out: Path = Field(description="The folder of the run; the result is in its folder model.")
    rounds: Count = Field(default=100, description="How often answers are drawn and learnt from.")
    batch: Count = Field(default=64, description="Answers a round.")
    answers: Count = Field(default=1, description="Answers to each question of a round.")
    epochs: Count = Field(default=4, description="Passes over the answers of a round.")
    minibatches: Count = Field(default=1, description="Optimiser steps in a pass.")
    micro_tokens: Count = Field(
        default=4096, description="Tokens that are computed at once; changes no result."
    )
    question_tokens: Count = Field(
        default=512, description="Tokens of a question; longer ones lose their oldest turns."
    )
    answer_tokens: Count = Field(default=64, description="Tokens of an answer, its end among them.")
    temperature: Above = Field(
        default=1.0, description="What answers are drawn with; every log-probability is of that."
    )
    engine: Literal["auto", "int8", "float32", "bfloat16"] = Field(
        default="float32",
        description="What answers are drawn with; int8 is fastest, and not quite the policy that learns.",
    )
    seats: Count = Field(default=64, description="Answers that are drawn at once.")
    advantage: Advantage = Field(
        default="gae",
        description="By a critic, each token's own (gae), or against other answers to the question (rloo).",
    )
    critic: Critic = Field(
        default="trunk",
        description="Values by a head on the policy, by a model begun from the reward model, or none.",
    )
    critic_warmup: Natural = Field(default=0, description="Rounds at first in which only the critic learns.")
    critic_rate: Above = Field(
        default=10.0, description="How many times as fast as the rest the critic's new head learns."
    )
    kl_coefficient: AtLeastZero = Field(
        default=0.05, description="What a nat away from the first policy costs, in units of the reward."
    )
    kl_estimate: Estimate = Field(default="k1", description="How that is estimated.")
    kl_target: Above | None = Field(
        default=None, description="Nats an answer to steer the coefficient by; it stays if none."
    )
    kl_horizon: Count = Field(default=10_000, description="Answers in which it follows.")
    gamma: Share = Field(default=1.0, description="What a reward is worth a token earlier.")
    lam: Share = Field(default=0.95, description="How far an advantage looks ahead past the critic.")
    whiten: bool = Field(default=True, description="Give the advantages of a round mean 0 and variance 1.")
    clip: Above = Field(default=0.2, description="How far the ratio of a token may be from 1.")
    value_clip: Above | None = Field(
        default=0.2, description="How far a value may move in a round; none is any."
    )
    value_coefficient: AtLeastZero = Field(default=0.1, description="What the loss of values counts.")
    stop_kl: AtLeastZero = Field(
        default=0.1,
        description="Nats a token from the policy that drew, from which on a round is over; 0: none.",
    )
    normalise: bool = Field(
        default=True,
        description="Measure rewards in deviations of the first policy's answers, from their mean.",
    )
    length_rate: AtLeastZero = Field(
        default=0.0,
        description="How fast lengths are steered back to the first policy's: what a nat off changes the price of a nat by, each round.",
    )
    reward_clip: AtLeastZero = Field(default=0.0, description="Largest reward then, either way; 0 is any.")
    unfinished: float | None = Field(
        default=-1.0, description="What an answer without an end earns instead; none: its own reward."
    )
    reward_window: Count = Field(
        default=1024, description="Tokens of a conversation that the reward model reads."
    )
    remember: Path | None = Field(
        default=None, description="Conversations whose answers are learnt beside (PPO-ptx); none if none."
    )
    remember_coefficient: AtLeastZero = Field(default=0.1, description="What their loss counts.")
    lora_rank: Natural = Field(
        default=0, description="Rank of the low-rank parts that are trained; 0 trains all."
    )
    lora_alpha: Above = Field(default=16.0, description="What a low-rank part is scaled by, times its rank.")
    recompute: bool = Field(
        default=False, description="Compute layers twice to keep less: slower, in less memory."
    )
    validation: Path | None = Field(default=None, description="Held-out questions; else a share of the data.")
    validation_share: Share = Field(
        default=0.1, description="Share of questions that is held out, where there is no validation file."
    )
    validation_questions: Count = Field(default=64, description="Held-out questions that are asked, at most.")
    validation_greedy: bool = Field(
        default=False,
        description="Evaluate the likeliest answers, not drawn ones; their KL is no estimate then.",
    )
    samples: Count = Field(default=4, description="Held-out questions whose answers are shown.")
    loop: PpoLoop = Field(default=PpoLoop(), description="How it is optimised, watched and kept.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.batch % self.answers:
            raise ValueError(f"batch is {self.batch!r}: a multiple of answers, {self.answers!r}, is right")
        if self.advantage == "gae" and self.critic == "none":
            raise ValueError("critic is 'none': advantage = 'gae' needs 'trunk' or 'reward'")
        if self.advantage == "rloo" and self.critic != "none":
            raise ValueError(f"critic is {self.critic!r}: advantage = 'rloo' has 'none'")
        if self.advantage == "rloo" and self.answers == 1:
            raise ValueError("answers is 1: advantage = 'rloo' compares 2 or more to a question")
        if self.minibatches > self.batch:
            raise ValueError(f"minibatches is {self.minibatches!r}: there are {self.batch!r} answers")
        return self


@recorded("ppo")
@together
def ppo(
    settings: PpoSettings, *, resume: bool = False, means: Means | None = None, score: Score | None = None
) -> Run:
    """Train a policy against a reward. Return the run.

    ``score`` is a reward in place of a model: from conversations, the answer last, to a number each. The run's facts have
    the held-out ``reward``, ``first_reward`` and ``first_reward_deviation`` (of the first policy's answers), ``lift`` (in such
    deviations), ``kl`` (nats an answer), ``length`` and ``first_length``. Raises `TrainError` and `DatasetError`.
    """
    means = means or Means()
    settings = sourced(settings)
    _check_processes(settings)
    loop = settled(
        settings.loop,
        examples=settings.rounds * settings.epochs * settings.minibatches,
        batch=1,
        epochs=1.0,
        learning_rate=RATE_LORA if settings.lora_rank else RATE,
    )
    if loop.threads:
        torch.set_num_threads(loop.threads)
    seed(loop.seed)
    device = device_of(loop)
    folder = folder_of(settings.model)
    tokenizer, policy = tokenizer_in(folder), model_in(folder)
    with_template(tokenizer, policy)
    learnt, held = parted(settings, tokenizer, room_for(settings, policy), means)
    actor, reference = _actor(settings, policy, tokenizer)
    actor.to(device)
    rounds = Rounds(
        settings,
        loop,
        actor=actor,
        reference=reference,
        speaker=Speaker(
            policy=policy,
            end=tokenizer.eos_token_id,
            longest=settings.answer_tokens,
            temperature=settings.temperature,
            kind=settings.engine,
            seats=settings.seats,
        ),
        tokenizer=tokenizer,
        learnt=learnt,
        held=held,
        score=score or _scorer(settings, device),
        say=means.say,
    )
    means.say(
        f"{len(learnt):,} questions, {len(held):,} held out, {settings.rounds:,} rounds of {settings.batch:,} answers;"
        f" {_foreseen(settings, loop, policy, learnt)}"
    )
    if not (resume and checkpoint.checkpoints(settings.out)):
        rounds.begin()
    beside = remembered(settings, tokenizer, device)
    recipe = _recipe(settings, actor, tokenizer, rounds, beside)
    run = train(actor, recipe, loop, out=settings.out, stage="ppo", resume=resume, means=means)
    return replace(run, facts={**run.facts, **rounds.facts(run.facts)})


def _foreseen(settings: PpoSettings, loop: LoopSettings, policy: Any, learnt: Sequence[Question]) -> str:
    """Return what the run will take, in words."""
    mean = sum(len(one.tokens) for one in learnt) / len(learnt) + settings.answer_tokens
    rows = settings.batch // settings.minibatches
    line, _ = foreseen(
        policy,
        loop,
        tokens=settings.micro_tokens,
        mean=mean,
        per_step=rows,
        scores=min(CHUNK, rows * settings.answer_tokens),
    )
    return line


def _recipe(
    settings: PpoSettings, actor: Actor, tokenizer: Any, rounds: Rounds, beside: Remembered
) -> Recipe[Part | ChatBatch]:
    save, load = kept_by(actor.policy, tokenizer)

    def batches(step: int) -> Sequence[Part | ChatBatch]:
        found = rounds.batches(step)
        if not rounds.learns:
            return found
        return [*found, *beside.batches(step, sum(part.count for part in found))]

    def loss(called: Any, batch: Part | ChatBatch) -> Loss:
        if isinstance(batch, ChatBatch):
            return beside.loss(called.policy, batch, plain=actor.plain)
        return rounds.told(batch, _loss(settings, called, batch.moved(rounds.device), learns=rounds.learns))

    return Recipe(
        batches=batches,
        loss=loss,
        evaluate=lambda _: rounds.evaluated(),
        samples=lambda _: rounds.samples(),
        save=lambda _, folder: save(actor.policy, folder),
        load=lambda _, folder: load(actor.policy, folder),
        state=rounds.state,
        restore=rounds.restore,
        after=rounds.after,
        settings=begun_with(
            settings, "micro_tokens", "seats", "recompute", "validation_greedy", "samples", "engine"
        ),
    )


def _loss(settings: PpoSettings, actor: Actor, part: Part, *, learns: bool) -> Loss:
    """Return the loss of a micro-batch: a sum over answer tokens. Without ``learns`` it is the critic's alone."""
    every = torch.ones_like(part.old, dtype=torch.bool)
    clipped = torch.zeros((), device=part.old.device)

    def cost(new: Tensor, span: slice) -> Tensor:
        nonlocal clipped
        total, bound = clipped_policy_loss(
            new, part.old[span], part.advantages[span], every[span], clip=settings.clip
        )
        clipped = clipped + bound
        return total

    read = actor.read(part.ids, part.wanted)
    facts: dict[str, float] = {}
    total = torch.zeros((), device=part.old.device)
    if learns:
        total, new = actor.cost(read, cost)
        facts = {
            "policy_loss": float(total.detach()),
            "clipped": float(clipped),
            "moved": float(kl(part.old, new, every, "k3").sum()),
            "ratio_deviation": float((new - part.old).exp().sub(1).abs().sum()),
        }
    values = actor.values(part.ids, part.wanted, read, apart=not learns)
    if values is not None:
        costs, bound = clipped_value_loss(values, part.values, part.returns, every, clip=settings.value_clip)
        total = total + settings.value_coefficient * costs
        facts |= {"value_loss": float(costs.detach()), "value_clipped": float(bound)}
    return Loss(total=total, count=part.count, facts=facts)


def _check_processes(settings: PpoSettings) -> None:
    if processes() > 1 and settings.loop.parallel == "fsdp":
        raise TrainError("parallel is 'fsdp': answers are drawn from a whole model, so PPO has 'ddp' alone")
    if processes() > 1 and settings.critic_warmup:
        raise TrainError("critic_warmup needs one process: DDP waits for gradients of the policy too")


def _actor(settings: PpoSettings, policy: Any, tokenizer: Any) -> tuple[Actor, Any]:
    """Return what is trained, and the policy as it was before."""
    still(policy)
    aligned(policy)
    if settings.lora_rank:
        add_lora(policy, settings.lora_rank, settings.lora_alpha)
    reference = reference_of(policy, quick=not settings.loop.compile)
    critic = None
    if settings.critic == "reward":
        if settings.reward is None:
            raise TrainError("critic is 'reward', and there is no reward model: critic = 'trunk' is right")
        folder = folder_of(settings.reward)
        same_words(tokenizer, tokenizer_in(folder))
        critic = model_in(folder, "SequenceClassification")
        still(critic)
        aligned(critic)
        if settings.lora_rank:
            add_lora(critic, settings.lora_rank, settings.lora_alpha)
        critic.score.requires_grad_(False)
    for one in (policy, critic):
        if one is None:
            continue
        if settings.recompute:
            one.activation_checkpointing_enable()
    actor = Actor(
        policy,
        critic,
        temperature=settings.temperature,
        faster=None if settings.critic == "none" else settings.critic_rate,
    )
    return actor, reference


def _scorer(settings: PpoSettings, device: torch.device) -> Score:
    if settings.reward is None:
        raise TrainError("reward is none: name a reward model's folder, or give a function in Python")
    return scored_by(
        folder_of(settings.reward),
        window=settings.reward_window,
        tokens=settings.micro_tokens,
        device=device,
    )
