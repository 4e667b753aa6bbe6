"""What people's rankings teach a reward model: the loss over all pairs of a ranking, and how well rewards agree with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from .losses import wide

Ties: TypeAlias = Literal["half", "drop"]
"""A tie is a pair of which either is as likely to be found better (½); or it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was said of two answers of one ranking, numbered from 0.

    ``target`` is the share of those asked who found ``first`` better, a tie being half a vote. ``gap`` is how many tiers
    ``first`` stands above ``second`` (on average). The weights of a ranking's comparisons sum to the ranking's weight.
    """

    first: int
    second: int
    target: float = 1.0
    weight: float = 1.0
    gap: float = 1.0


def comparisons(
    tiers: Sequence[int | None], loose: int | None = None, *, ties: Ties = "half", weight: float = 1.0
) -> tuple[Comparison, ...]:
    """Return all pairs of one ranking, which weigh ``weight`` together: 1/C(K, 2) each where all K answers were compared.

    ``tiers`` has the tier of each answer, 1 for the best; equal ones are tied, None was not compared with anything. The
    answers of tier ``loose`` were not compared with one another. A ranking trained on as C(K, 2) examples of their own is
    overfitted in an epoch; as one element it is not (Ouyang et al. 2022, arXiv 2203.02155, §3.5).
    """
    found: list[tuple[int, int, int]] = []
    for first, above in enumerate(tiers):
        for second, below in enumerate(tiers):
            if above is None or below is None or above > below or (above == below and first >= second):
                continue
            if above == below and (ties == "drop" or above == loose):
                continue
            found.append((first, second, below - above))
    return tuple(
        Comparison(
            first=first,
            second=second,
            target=1.0 if gap else 0.5,
            weight=weight / len(found),
            gap=float(gap),
        )
        for first, second, gap in found
    )


def merged(said: Iterable[Comparison]) -> tuple[Comparison, ...]:
    """Return what several raters said of the same answers as one comparison a pair, with soft targets.

    The loss of these is that of all that was said, less what does not depend on the rewards (without margins, exactly):
    cross-entropy is linear in the target.
    """
    sums: dict[tuple[int, int], list[float]] = {}
    for one in said:
        turned = one.first > one.second
        key = (one.second, one.first) if turned else (one.first, one.second)
        entry = sums.setdefault(key, [0.0, 0.0, 0.0])
        entry[0] += one.weight
        entry[1] += one.weight * (1 - one.target if turned else one.target)
        entry[2] += one.weight * (-one.gap if turned else one.gap)
    return tuple(
        Comparison(first=first, second=second, target=wins / weight, weight=weight, gap=gaps / weight)
        for (first, second), (weight, wins, gaps) in sorted(sums.items())
        if weight > 0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The comparisons of a batch of rankings as tensors of one length; the answers of all are numbered on."""

    first: Tensor
    second: Tensor
    target: Tensor
    weight: Tensor
    gap: Tensor

    def to(self, device: object) -> Pairs:
        """Return the same on a device."""
        names = ("first", "second", "target", "weight", "gap")
        return Pairs(**{name: getattr(self, name).to(device) for name in names})


def pairs_of(rankings: Sequence[tuple[int, Sequence[Comparison]]]) -> Pairs:
    """Return the comparisons of several rankings, each given with how many answers it has."""
    first: list[int] = []
    second: list[int] = []
    flat: list[Comparison] = []
    start = 0
    for answers, said in rankings:
        first += [start + one.first for one in said]
        second += [start + one.second for one in said]
        flat += said
        start += answers
    return Pairs(
        first=torch.tensor(first, dtype=torch.long),
        second=torch.tensor(second, dtype=torch.long),
        target=torch.tensor([one.target for one in flat]),
        weight=torch.tensor([one.weight for one in flat]),
        gap=torch.tensor([one.gap for one in flat]),
    )


def ranking_loss(rewards: Tensor, pairs: Pairs, *, margin: float = 0.0) -> Tensor:
    """Return the sum over pairs of weight times cross-entropy in nats between target and sigmoid(r_first - r_second - margin times gap).

    ``rewards``: (answers). For a strict ranking it is the mean over its pairs of -log sigmoid(r_better - r_worse) (Ouyang et
    al. 2022, eq. 1); with a soft target that of Bradley and Terry's model; ``margin`` as in Llama 2 (arXiv 2307.09288,
    eq. 2), in units of reward a tier. Adding the same to all rewards changes nothing.
    """
    apart = wide(rewards)[pairs.first] - wide(rewards)[pairs.second]
    apart = apart - margin * pairs.gap.to(apart.dtype)
    losses = functional.binary_cross_entropy_with_logits(
        apart, pairs.target.to(apart.dtype), reduction="none"
    )
    return (pairs.weight.to(losses.dtype) * losses).sum()


def centring(rewards: Tensor, pairs: Pairs) -> Tensor:
    """Return the sum over pairs of weight times (r_first + r_second)²: times a small coefficient it keeps rewards about zero.

    Eisenstein et al. 2023 (arXiv 2312.09244); for pairs it is TRL's ``center_rewards_coefficient``, usually 0.01.
    """
    sums = wide(rewards)[pairs.first] + wide(rewards)[pairs.second]
    return (pairs.weight.to(sums.dtype) * sums.square()).sum()


def agreement(rewards: Tensor, pairs: Pairs) -> Tensor:
    """Return for each pair how far rewards and raters agree, from 0 to 1: the target where the first has more reward.

    Equal rewards agree by half. For strict rankings the mean is the accuracy.
    """
    order = torch.sign(wide(rewards)[pairs.first] - wide(rewards)[pairs.second])
    return 0.5 + order * (pairs.target.to(order.dtype) - 0.5)


def dpo_rewards(policy: Tensor, reference: Tensor, beta: float = 0.1) -> Tensor:
    """Return the rewards for which ``policy`` would be optimal: β (log π - log π_ref) of whole answers, in nats.

    With `ranking_loss` over the pairs (each way of the same answers encoded once) this is DPO (Rafailov et al. 2023, arXiv
    2305.18290, eq. 7), for rankings as for pairs.
    """
    return beta * (wide(policy) - wide(reference))
