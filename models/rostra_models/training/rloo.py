"""RLOO: several answers to each question are their own baseline, so that no critic is needed.

Ahmadian et al. 2024 (arXiv 2402.14740). The round, the losses and the watching are those of `rostra_models.training.ppo`; an
answer's advantage is its reward, less the penalty for its divergence, less the mean of the other answers' to the question.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .earning import Score
from .loop import Means, Run
from .ppo import PpoSettings, ppo
from .practice import Advantage
from .settings import Count


class RlooSettings(PpoSettings):
    """``rostra train rloo``: as ``rostra train ppo``, with what suits a baseline of other answers."""

    answers: Count = Field(default=4, description="Answers to each question of a round, 2 at least.")
    epochs: Count = Field(default=1, description="Passes over the answers of a round.")
    advantage: Advantage = Field(default="rloo", description="Against other answers to the question.")
    critic: Literal["trunk", "reward", "none"] = Field(default="none", description="There is none.")
    whiten: bool = Field(
        default=False,
        description="Give the advantages of a round mean 0 and variance 1; they have mean 0 anyway.",
    )


def rloo(
    settings: RlooSettings, *, resume: bool = False, means: Means | None = None, score: Score | None = None
) -> Run:
    """Train a policy against a reward without a critic. What it returns and raises is that of `ppo`."""
    return ppo(settings, resume=resume, means=means, score=score)
