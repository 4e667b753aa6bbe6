"""How far one policy is from another on answers that it drew: KL in nats an answer, summed over whole distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...scorer_engine import batches
from ..losses import CHUNK, wide
from ..trunk import hidden_states, plain_head


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An answer as a policy reads it: the tokens of its prompt, of which there is one at least, and of the answer.

    ``ended``: the answer ended of itself, so that not going on was a choice too.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    ended: bool

    @property
    def choices(self) -> int:
        """How many tokens were chosen: the end is one."""
        return len(self.answer) + self.ended


class Policy:
    """A language model of transformers that is asked what it would have said next."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._plain = plain_head(model)

    @property
    def words(self) -> int:
        """Scores that it gives: entries of its vocabulary, padding included."""
        found: int = self._model.get_output_embeddings().weight.shape[0]
        return found

    def before(self, asked: Sequence[Asked]) -> Tensor:
        """Return what it knows before each choice of each answer: (choices, …)."""
        device = self._model.device
        rows = [one.prompt + one.answer for one in asked]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        chosen = torch.zeros_like(ids, dtype=torch.bool)
        for at, (one, row) in enumerate(zip(asked, rows, strict=True)):
            ids[at, : len(row)] = torch.tensor(row)
            begin = len(one.prompt) - 1
            chosen[at, begin : begin + one.choices] = True
        if self._plain:
            return hidden_states(self._model, ids.to(device))[chosen.to(device)]
        logits: Tensor = self._model(input_ids=ids.to(device), use_cache=False).logits
        return logits[chosen.to(device)]

    def logits(self, known: Tensor) -> Tensor:
        """Return the scores of the next token, (choices, vocabulary), of a part of what `before` gave."""
        return wide(known @ self._model.get_output_embeddings().weight.T if self._plain else known)


def divergences(
    policy: Policy,
    reference: Policy,
    asked: Sequence[tuple[Asked, Asked]],
    *,
    temperature: float,
    tokens: int,
) -> list[float]:
    """Return an estimate of KL(policy ‖ reference) in nats from each answer, which ``policy`` drew at ``temperature``.

    It is the sum, over the answer's choices, of the KL of the two whole distributions of the next token: unbiased for whole
    answers as log-ratios are, never negative, and of lower variance (Rao-Blackwell; Amini et al. 2025, arXiv 2504.10637).
    Of each answer the two ``asked`` are as either policy reads it: their prompts may be laid out differently.
    """
    found = [0.0] * len(asked)
    lengths = [max(len(one.prompt) + len(one.answer) for one in pair) for pair in asked]
    for group in batches(lengths, tokens):
        ours, theirs = ([asked[at][side] for at in group] for side in (0, 1))
        known, other = policy.before(ours), reference.before(theirs)
        each = torch.cat(
            [
                kl_of(
                    policy.logits(known[at : at + CHUNK]) / temperature,
                    reference.logits(other[at : at + CHUNK]) / temperature,
                )
                for at in range(0, len(known), CHUNK)
            ]
        )
        owners = torch.repeat_interleave(
            torch.arange(len(group)), torch.tensor([one.choices for one in ours])
        )
        sums: Any = torch.zeros(len(group), dtype=torch.float64).index_add(0, owners, each.double().cpu())
        for at, value in zip(group, sums.tolist(), strict=True):
            found[at] = value
    return found


def kl_of(logits: Tensor, others: Tensor) -> Tensor:
    """Return KL(p ‖ q) in nats of distributions with these ``logits`` of p and of q, (…, vocabulary): (…)."""
    ours, theirs = logits.log_softmax(-1), others.log_softmax(-1)
    likely = ours.exp()
    # Where p is nothing, nothing is added, whatever q is.
    return (likely * (ours - theirs).masked_fill(likely == 0, 0.0)).sum(-1)
