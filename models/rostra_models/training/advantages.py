"""How much better a token was than expected: rewards of tokens, generalised advantage estimation, RLOO, and whitening."""

from __future__ import annotations

import torch
from torch import Tensor

from .losses import kept, masked_mean

TINY = 1e-8
"""Added to a variance before it is divided by."""


def token_rewards(scores: Tensor, divergence: Tensor, mask: Tensor, coefficient: float) -> Tensor:
    """Return the reward of each token: -coefficient times its divergence, and the score of the answer on the last token.

    ``scores``: (answers), ``divergence`` (nats, `rostra_models.training.policy.kl`) and ``mask``: (answers, tokens).
    Ziegler et al. 2019 (arXiv 1909.08593, eq. 2). An answer without tokens gets nothing.
    """
    rewards = -coefficient * kept(divergence, mask)
    places = torch.arange(mask.shape[1], device=mask.device)
    last = torch.where(mask, places, -1).max(dim=1).values
    on_last = (places == last[:, None]) & mask
    return rewards + torch.where(on_last, scores[:, None].to(rewards.dtype), 0.0)


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float = 1.0, lam: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Return advantages and returns (advantage + value), each (answers, tokens), zero where ``mask`` is false.

    Schulman et al. 2015 (arXiv 1506.02438, eq. 16): A_t = Σ_l (gamma lambda)^l δ_{t+l}, δ_t = r_t + gamma V_{t+1} - V_t, and nothing comes
    after the last token. Tokens that are masked in between do not exist: time goes on behind them.
    """
    rewards, values = kept(rewards, mask), kept(values, mask)
    advantages = torch.zeros_like(values)
    ahead, later = torch.zeros_like(values[:, 0]), torch.zeros_like(values[:, 0])
    for at in reversed(range(values.shape[1])):
        surprise = rewards[:, at] + gamma * ahead - values[:, at]
        here = surprise + gamma * lam * later
        advantages[:, at] = torch.where(mask[:, at], here, 0.0)
        later = torch.where(mask[:, at], here, later)
        ahead = torch.where(mask[:, at], values[:, at], ahead)
    return advantages, advantages + values


def whitened(values: Tensor, mask: Tensor, *, shift: bool = True) -> Tensor:
    """Return ``values`` with mean 0 and variance 1 where ``mask`` is true, and 0 elsewhere; without ``shift`` the mean stays.

    The variance is the unbiased one; fewer than two values, or equal ones, are only shifted.
    """
    mean = masked_mean(values, mask)
    off = kept(values - mean, mask)
    count = mask.sum()
    variance = off.square().sum() / (count - 1).clamp(min=1)
    scaled = off * torch.where(variance > TINY, (variance + TINY).rsqrt(), 1.0)
    return scaled if shift else kept(scaled + mean, mask)


def leave_one_out(rewards: Tensor) -> Tensor:
    """Return each answer's reward less the mean of the others to the same question: (questions, answers), at least two.

    RLOO (Kool et al. 2019; Ahmadian et al. 2024, arXiv 2402.14740): a baseline without a critic.
    """
    answers = rewards.shape[1]
    if answers < 2:  # noqa: PLR2004  there are no others
        raise ValueError(f"{answers} answer a question has no others to compare with; 2 or more are right")
    return (rewards - rewards.mean(1, keepdim=True)) * (answers / (answers - 1))
