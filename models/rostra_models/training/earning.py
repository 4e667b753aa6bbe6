"""What an answer earns: a reward model's value in the units of the first policy's answers, or a fixed one where there is no end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from rostra.chat import Utterance

from ..scorer_engine import RewardEngine
from ..scorer_layout import RewardLayout
from .errors import TrainError
from .questions import Question
from .rollouts import Answer
from .starting import model_in, tokenizer_in

Score: TypeAlias = Callable[[Sequence[Sequence[Utterance]]], Sequence[float]]
"""From whole conversations, the answer last, to the reward of each."""

TINY = 1e-6
"""A smaller deviation is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where rewards have their zero and their unit: the mean and the deviation of the first policy's answers."""

    mean: float = 0.0
    deviation: float = 1.0

    def of(self, rewards: Sequence[float]) -> Tensor:
        """Return rewards on this scale."""
        return (torch.tensor(rewards) - self.mean) / self.deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What length costs: ``price`` for each nat that the logarithm of an answer's length lies above ``usual``, the first policy's mean.

    A multiplier of the constraint that lengths stay what they were (constrained policy optimisation by its dual, such as
    Stooke et al. 2020, arXiv:2007.03964): `after` raises the price while answers are too long, and lowers it, below zero
    too, while they are too short.
    """

    usual: float
    price: float = 0.0

    def of(self, answers: Sequence[Answer]) -> Tensor:
        """Return what each answer's length costs it."""
        return self.price * (_nats(answers) - self.usual)

    def after(self, answers: Sequence[Answer], rate: float) -> Tariff:
        """Return the tariff once these answers were seen; ``rate`` is what it moves by for a nat."""
        return replace(self, price=self.price + rate * (float(_nats(answers).mean()) - self.usual))


def scored_by(folder: Path, *, window: int, tokens: int, device: torch.device) -> Score:
    """Return the reward model in ``folder`` as the bot's scorer asks it: conversations in its own layout, the last token's value.

    ``window``: tokens that it reads of a conversation; ``tokens``: at once. Raises `TrainError`.
    """
    model = model_in(folder, "SequenceClassification")
    if model.config.num_labels != 1:
        raise TrainError(f"{str(folder)!r} has {model.config.num_labels} labels; a reward model has one")
    model = model.to(device).eval().requires_grad_(False)
    engine = RewardEngine(model, RewardLayout(tokenizer_in(folder), window), batch=tokens)

    def score(conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
        with torch.autocast(device.type, enabled=False):
            return engine.score(conversations)

    return score


def texts(answers: Sequence[Answer], tokenizer: Any) -> list[str]:
    """Return the answers as they would be shown."""
    return [
        tokenizer.decode(list(one.said), skip_special_tokens=True, clean_up_tokenization_spaces=False).strip()
        for one in answers
    ]


def scores_of(
    questions: Sequence[Question], answers: Sequence[Answer], said: Sequence[str], score: Score
) -> list[float]:
    """Return the reward of each answer, whose text is ``said``. Raises `TrainError` for what is no number."""
    found = score(
        [
            [*questions[one.question].said, Utterance(role="assistant", text=text)]
            for one, text in zip(answers, said, strict=True)
        ]
    )
    rewards = [float(one) for one in found]
    if len(rewards) != len(answers) or not bool(torch.tensor(rewards).isfinite().all()):
        raise TrainError(
            f"the reward gave {len(rewards)} values for {len(answers)} answers, or one that is no number"
        )
    return rewards


def scale_of(rewards: Sequence[float]) -> Scale:
    """Return the scale on which ``rewards`` have mean 0 and deviation 1; equal ones keep their unit."""
    given = torch.tensor(rewards, dtype=torch.float64)
    deviation = float(given.std()) if len(rewards) > 1 else 0.0
    return Scale(mean=float(given.mean()), deviation=deviation if deviation > TINY else 1.0)


def tariff_of(answers: Sequence[Answer]) -> Tariff:
    """Return the tariff by which ``answers`` have their usual length, at no price yet."""
    return Tariff(usual=float(_nats(answers).mean()))


def earned(
    rewards: Sequence[float],
    answers: Sequence[Answer],
    scale: Scale,
    *,
    tariff: Tariff,
    unfinished: float | None,
    clip: float,
) -> Tensor:
    """Return what each answer earns: its reward on ``scale``, at most ``clip`` from zero (0: any), less what its length costs.

    Without an end it earns ``unfinished``, if that is given, and nothing else.
    """
    found = scale.of(rewards)
    if clip:
        found = found.clamp(-clip, clip)
    found = found - tariff.of(answers)
    if unfinished is None:
        return found
    ended = torch.tensor([one.ended for one in answers])
    return torch.where(ended, found, unfinished)


def _nats(answers: Sequence[Answer]) -> Tensor:
    return torch.tensor([len(one.said) for one in answers], dtype=torch.float32).log1p()
