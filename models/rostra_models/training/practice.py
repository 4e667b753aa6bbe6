"""One round of practice: what answers earned, how far they are from the first policy, and what each token gained by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from .actor import Actor, Reference
from .advantages import gae, leave_one_out, token_rewards, whitened
from .chats import Example
from .policy import Estimate, kl
from .rollouts import Answer

Advantage: TypeAlias = Literal["gae", "rloo"]
"""Each token's own, by a critic; or one for the whole answer, against the others to the same question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """How answers' tokens are judged. ``each``: answers a question, side by side among those of a round."""

    advantage: Advantage = "gae"
    estimate: Estimate = "k1"
    coefficient: float = 0.05
    gamma: float = 1.0
    lam: float = 0.95
    whiten: bool = True
    each: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A micro-batch of answers behind their questions.

    ``ids`` and ``wanted``: (rows, tokens), true where a token of the answer or its end stands; ``rows`` are the answers'
    numbers in the round. All others: (answer tokens) in reading order. ``old``: log-probabilities of the policy that drew
    them; ``reference``: of the policy at first; ``plain``: the former at temperature 1.
    """

    ids: Tensor
    wanted: Tensor
    rows: Tensor
    old: Tensor
    plain: Tensor
    reference: Tensor
    entropy: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor

    @property
    def count(self) -> float:
        """How many tokens are learnt from."""
        return float(len(self.old))

    def table(self, values: Tensor) -> Tensor:
        """Return values of answer tokens as (rows, tokens - 1): where the token stands before which they are known."""
        mask = self.wanted[:, 1:]
        return values.new_zeros(mask.shape).masked_scatter(mask, values)

    def moved(self, device: torch.device | str) -> Part:
        """Return the same on a device."""
        return Part(**{name: getattr(self, name).to(device) for name in Part.__slots__})


def example(question: Sequence[int], answer: Answer) -> Example:
    """Return a question and its answer as one row."""
    import numpy as np

    tokens = np.array([*question, *answer.tokens], dtype=np.int32)
    wanted = np.zeros(len(tokens), dtype=np.bool_)
    wanted[len(question) :] = True
    return Example(tokens=tokens, wanted=wanted)


def measured(
    actor: Actor, reference: Reference, ids: Tensor, wanted: Tensor, rows: Sequence[int], *, graph: bool
) -> Part:
    """Return a micro-batch with what the policy, the first policy and the critic think of it now.

    ``graph``: take the way of training, with what it keeps: a compiled model computes otherwise without. The result lies on
    the processor.
    """
    with torch.set_grad_enabled(graph):
        read = actor.read(ids, wanted)
        logs = actor.logs(read)
        values = actor.values(ids, wanted, read)
    with torch.no_grad():
        before = reference(actor, ids, wanted)
    nothing = torch.zeros_like(logs.chosen)
    return Part(
        ids=ids,
        wanted=wanted,
        rows=torch.tensor(rows),
        old=logs.chosen,
        plain=logs.plain,
        reference=before,
        entropy=logs.entropy,
        values=nothing if values is None else values.detach().clone(),
        advantages=nothing,
        returns=nothing,
    ).moved("cpu")


def divergences(part: Part, answers: int, estimate: Estimate) -> Tensor:
    """Return each answer's divergence from the first policy in nats, (answers of the round); 0 for those not in ``part``."""
    mask = torch.ones_like(part.old, dtype=torch.bool)
    sums = part.table(kl(part.old, part.reference, mask, estimate)).sum(1)
    return sums.new_zeros(answers).index_add(0, part.rows, sums)


def judged(parts: Sequence[Part], rewards: Tensor, weighing: Weighing) -> list[Part]:
    """Return the parts of a round with advantages and returns; ``rewards``: (answers of the round)."""
    if weighing.advantage == "gae":
        found = [_by_critic(part, rewards, weighing) for part in parts]
    else:
        found = _by_others(parts, rewards, weighing)
    if weighing.whiten:
        together = torch.cat([part.advantages for part in found])
        white: Any = whitened(together, torch.ones_like(together, dtype=torch.bool))
        cut = white.split([len(part.advantages) for part in found])
        found = [replace(part, advantages=one) for part, one in zip(found, cut, strict=True)]
    return found


def _by_critic(part: Part, rewards: Tensor, weighing: Weighing) -> Part:
    whole = part.wanted[:, 1:]
    first = int(whole.any(0).float().argmax())  # questions need no time
    mask = whole[:, first:]
    every = torch.ones_like(part.old, dtype=torch.bool)
    far = part.table(kl(part.old, part.reference, every, weighing.estimate))[:, first:]
    earned = token_rewards(rewards[part.rows], far, mask, weighing.coefficient)
    values = part.table(part.values)[:, first:]
    advantages, returns = gae(earned, values, mask, gamma=weighing.gamma, lam=weighing.lam)
    return replace(part, advantages=advantages[mask], returns=returns[mask])


def _by_others(parts: Sequence[Part], rewards: Tensor, weighing: Weighing) -> list[Part]:
    far = torch.stack([divergences(part, len(rewards), weighing.estimate) for part in parts]).sum(0)
    earned = rewards - weighing.coefficient * far
    gained = leave_one_out(earned.view(-1, weighing.each)).flatten()
    return [replace(part, advantages=_spread(part, gained)) for part in parts]


def _spread(part: Part, values: Tensor) -> Tensor:
    """Return each answer's value at each of its tokens."""
    mask = part.wanted[:, 1:]
    return values[part.rows][:, None].expand(mask.shape)[mask]


def figures(parts: Sequence[Part], answers: Sequence[Answer]) -> Mapping[str, float]:
    """Return what a round was like: lengths, divergence from the first policy, how well values foresaw, how exact the engine was."""
    count = len(answers)
    far: Any = torch.stack([divergences(part, count, "k1") for part in parts]).sum(0)
    bounded: Any = torch.stack([divergences(part, count, "k3") for part in parts]).sum(0)
    every: Any = torch.cat([part.entropy for part in parts])
    found = {
        "length": sum(len(one.said) for one in answers) / count,
        "finished": sum(one.ended for one in answers) / count,
        "kl": float(far.mean()),
        "kl_k3": float(bounded.mean()),
        "entropy": float(every.mean()),
        "engine_gap": _gap(parts, answers),
    }
    values, returns = (torch.cat([getattr(part, name) for part in parts]) for name in ("values", "returns"))
    spread: Any = returns.var(correction=0)
    if float(spread) > 0:
        found["explained_variance"] = 1.0 - float((returns - values).var(correction=0)) / float(spread)
    return found


def _gap(parts: Sequence[Part], answers: Sequence[Answer]) -> float:
    """Return by how many nats the engine's log-probabilities are off, on average."""
    off, count = 0.0, 0
    for part in parts:
        rows: Any = part.rows
        owners: Sequence[int] = rows.tolist()
        plain: Any = part.plain
        tables: Sequence[Tensor] = plain.split([len(answers[at].tokens) for at in owners])
        for at, ours in zip(owners, tables, strict=True):
            logs = torch.tensor(answers[at].logs)
            gaps: Any = (ours[: len(logs)] - logs).abs()
            off += float(gaps.sum())
            count += len(logs)
    return off / max(1, count)
