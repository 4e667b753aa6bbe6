"""Log-probabilities of the tokens of answers, and a loss of them, never holding more than a portion of the logits.

``states`` are a model's hidden states before each token, (tokens, width); logits are ``states @ weight.T``, divided by the
temperature that the answers were drawn with. `token_logs` and `token_cost` compute log-probabilities by the same operations on the same
portions, so the same weights give the same numbers to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

import torch
from torch import Tensor

from .losses import CHUNK, entropy, log_probabilities, wide

Cost: TypeAlias = Callable[[Tensor, slice], Tensor]
"""From log-probabilities of a portion of the tokens to the sum of what they cost; gradients flow through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """Of each token: its log-probability in nats, the same at temperature 1, and the entropy of what it was drawn from."""

    chosen: Tensor
    plain: Tensor
    entropy: Tensor


def token_logs(
    states: Tensor, weight: Tensor, targets: Tensor, temperature: float = 1.0, *, chunk: int = CHUNK
) -> Logs:
    """Return what is known of the tokens ``targets`` (tokens), without gradients."""
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    with torch.no_grad():
        for span in _spans(len(states), chunk):
            wanted = targets[span, None]
            plain = wide(states[span] @ weight.T)
            scaled = plain / temperature
            chosen = _chosen(scaled, wanted)
            found.append((chosen, chosen if temperature == 1 else _chosen(plain, wanted), entropy(scaled)))
    if not found:
        nothing = wide(states).new_zeros(0)
        return Logs(chosen=nothing, plain=nothing, entropy=nothing)
    chosen, plain, spread = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Logs(chosen=chosen, plain=plain, entropy=spread)


def linear_log_probabilities(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, temperature: float = 1.0, chunk: int = CHUNK
) -> Tensor:
    """Return log p(target) in nats for hidden states whose logits are ``hidden @ weight.T``: (tokens).

    ``hidden``: (tokens, width), ``weight``: (vocabulary, width), ``targets``: (tokens). The memory is that of ``chunk`` tokens'
    logits: they are computed a second time for gradients, which differ from answer to answer and cannot be made before.
    """
    found = [_again(hidden[span], weight, targets[span], temperature) for span in _spans(len(hidden), chunk)]
    return torch.cat(found) if found else hidden.new_zeros(0, dtype=torch.float32)


def _again(hidden: Tensor, weight: Tensor, targets: Tensor, temperature: float) -> Tensor:
    if not torch.is_grad_enabled():
        return _of(hidden, weight, targets, temperature)
    library: Any = import_module("torch.utils.checkpoint")
    found: Tensor = library.checkpoint(
        _of, hidden, weight, targets, temperature, use_reentrant=False, preserve_rng_state=False
    )
    return found


def _of(hidden: Tensor, weight: Tensor, targets: Tensor, temperature: float) -> Tensor:
    return log_probabilities(hidden @ weight.T, targets, temperature)


def token_cost(
    states: Tensor,
    weight: Tensor,
    targets: Tensor,
    cost: Cost,
    temperature: float = 1.0,
    *,
    chunk: int = CHUNK,
) -> tuple[Tensor, Tensor]:
    """Return the sum of ``cost`` over the tokens, in the graph, and their log-probabilities, out of it."""
    function: Any = _TokenCost  # torch says nothing of the type of what it applies
    total, chosen = function.apply(states, weight, targets, cost, temperature, chunk)
    return total, chosen


def _chosen(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return log p of ``wanted``, (tokens, 1), as (tokens)."""
    return (logits.gather(-1, wanted) - logits.logsumexp(-1, keepdim=True))[:, 0]


class _TokenCost(torch.autograd.Function):  # type: ignore[misc]  # torch is not followed by mypy
    """Gradients are made on the way, as the sum is linear in what comes from behind: no logit is computed twice.

    d log p(token) / d logit = [it is the token] - p. It has no second derivative.
    """

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917  torch's protocol
        ctx: Any, states: Tensor, weight: Tensor, targets: Tensor, cost: Cost, temperature: float, chunk: int
    ) -> tuple[Tensor, Tensor]:
        needs_states, needs_weight = ctx.needs_input_grad[:2]
        to_states = torch.empty_like(states) if needs_states else None
        to_weight = torch.zeros_like(weight) if needs_weight else None
        total = wide(states).new_zeros(())
        chosen = wide(states).new_zeros(len(states))
        for span in _spans(len(states), chunk):
            part, wanted = states[span], targets[span, None]
            logits = wide(part @ weight.T) / temperature
            most = logits.logsumexp(-1, keepdim=True)
            chosen[span] = (logits.gather(-1, wanted) - most)[:, 0]
            with torch.enable_grad():
                leaf = chosen[span].detach().requires_grad_()
                said = cost(leaf, span)
                (slope,) = torch.autograd.grad(said, leaf)
            total += said.detach()
            if not needs_states and not needs_weight:
                continue
            slope = slope[:, None] / temperature
            pull = logits.sub_(most).exp_().mul_(-slope).scatter_add_(-1, wanted, slope).to(weight.dtype)
            if to_states is not None:
                to_states[span] = pull @ weight
            if to_weight is not None:
                to_weight += (pull.T @ part).to(to_weight.dtype)
        ctx.save_for_backward(to_states, to_weight)
        ctx.mark_non_differentiable(chosen)
        return total, chosen

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        to_states, to_weight = ctx.saved_tensors
        scale = upstream[0]
        return (
            None if to_states is None else to_states * scale.to(to_states.dtype),
            None if to_weight is None else to_weight * scale.to(to_weight.dtype),
            None,
            None,
            None,
            None,
        )


def _spans(length: int, chunk: int) -> Iterator[slice]:
    for start in range(0, length, chunk):
        yield slice(start, min(start + chunk, length))
