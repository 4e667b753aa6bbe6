"""What an answer earns: a reward model's value in the units of the first policy's answers, or a fixed one where there is no end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    """Where rewards have their zero and their unit: the mean and the deviation of the first policy's answers.

    ``slope`` is how much more an answer is worth that is a nat longer, by the logarithm of its length, and ``length`` that
    logarithm's mean: what length explains of a reward is taken off. With a slope of 0 nothing is.
    """

    mean: float = 0.0
    deviation: float = 1.0
    slope: float = 0.0
    length: float = 0.0

    def of(self, rewards: Sequence[float], lengths: Sequence[int]) -> Tensor:
        """Return rewards on this scale; ``lengths`` are in tokens."""
        longer = torch.tensor(lengths, dtype=torch.float32).log1p() - self.length
        return (torch.tensor(rewards) - self.mean - self.slope * longer) / self.deviation


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


def scale_of(rewards: Sequence[float], lengths: Sequence[int] = ()) -> Scale:
    """Return the scale on which ``rewards`` have mean 0 and deviation 1; equal ones keep their unit.

    With ``lengths`` they have no correlation with the logarithm of their answers' length, either: least squares.
    """
    given = torch.tensor(rewards, dtype=torch.float64)
    slope = length = 0.0
    if len(lengths) > 1:
        longer = torch.tensor(lengths, dtype=torch.float64).log1p()
        length = float(longer.mean())
        longer = longer - length
        spread = float(longer.square().sum())
        slope = float((longer * given).sum()) / spread if spread > TINY else 0.0
        given = given - slope * longer
    deviation = float(given.std()) if len(rewards) > 1 else 0.0
    return Scale(
        mean=float(given.mean()),
        deviation=deviation if deviation > TINY else 1.0,
        slope=slope,
        length=length,
    )


def earned(
    rewards: Sequence[float],
    answers: Sequence[Answer],
    scale: Scale,
    *,
    unfinished: float | None,
    clip: float,
) -> Tensor:
    """Return what each answer earns: its reward on ``scale``, at most ``clip`` from zero (0: any), ``unfinished`` without an end."""
    found = scale.of(rewards, [len(one.said) for one in answers])
    if clip:
        found = found.clamp(-clip, clip)
    if unfinished is None:
        return found
    ended = torch.tensor([one.ended for one in answers])
    return torch.where(ended, found, unfinished)
