"""How far a policy may move for what it earned: clipped losses of PPO, estimates of KL, and its adaptive coefficient."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from .losses import kept, wide

Estimate: TypeAlias = Literal["k1", "k2", "k3"]


def kl(new: Tensor, old: Tensor, mask: Tensor, estimate: Estimate = "k1") -> Tensor:
    """Return an estimate of KL(new ‖ old) in nats for each token, drawn from ``new``; 0 where ``mask`` is false.

    ``new`` and ``old``: log-probabilities of the tokens drawn. k1 = log(new/old) is unbiased and may be negative; k2 =
    ½ log²(new/old) is biased, and its gradient is that of KL; k3 = old/new - 1 - log(old/new) is unbiased and never negative
    (Schulman, "Approximating KL Divergence", 2020).
    """
    ratio = kept(wide(new) - wide(old), mask)
    if estimate == "k1":
        return ratio
    if estimate == "k2":
        return 0.5 * ratio.square()
    return torch.expm1(-ratio) + ratio


def clipped_policy_loss(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip: float = 0.2,
    clip_above: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the sum over tokens of -min(ratio A, clip(ratio, 1 - clip, 1 + clip_above) A), and in how many the clipped one counts.

    ratio = exp(new - old). Schulman et al. 2017 (arXiv 1707.06347, eq. 7); ``clip_above`` is ``clip`` unless given. All are
    (answers, tokens); where ``new`` is ``old`` the ratio is 1 exactly, and the gradient is -A times that of ``new``.
    """
    upper = clip if clip_above is None else clip_above
    gain = kept(advantages, mask)
    ratio = kept(wide(new) - wide(old), mask).exp()
    free, bound = -gain * ratio, -gain * ratio.clamp(1 - clip, 1 + upper)
    losses = kept(torch.maximum(free, bound), mask)
    return losses.sum(), ((bound > free) & mask).sum()


def clipped_value_loss(
    new: Tensor, old: Tensor, returns: Tensor, mask: Tensor, *, clip: float | None = 0.2
) -> tuple[Tensor, Tensor]:
    """Return the sum over tokens of ½ max((V - R)², (V_clipped - R)²), and in how many the clipped one counts.

    V_clipped is the new value, at most ``clip`` from the ``old``; None clips nothing. All are (answers, tokens). As in
    OpenAI's baselines (ppo2) and lm-human-preferences.
    """
    values, before, goal = (kept(wide(one), mask) for one in (new, old, returns))
    free = (values - goal).square()
    if clip is None:
        return 0.5 * kept(free, mask).sum(), mask.new_zeros((), dtype=torch.long)
    bound = (before + (values - before).clamp(-clip, clip) - goal).square()
    losses = kept(torch.maximum(free, bound), mask)
    return 0.5 * losses.sum(), ((bound > free) & mask).sum()


def adapted(coefficient: float, divergence: float, *, target: float, horizon: float, episodes: int) -> float:
    """Return the coefficient of KL after ``episodes`` more answers whose divergence from the reference was ``divergence``.

    Nats an answer. It grows while that is above ``target``, by at most a fifth times episodes / horizon (Ziegler et al. 2019,
    §2.2: target 6, horizon 10,000).
    """
    error = min(max(divergence / target - 1.0, -0.2), 0.2)
    return coefficient * (1.0 + error * episodes / horizon)
