"""What a token of text costs: cross-entropy, log-probabilities and entropy of logits, only where they are wanted.

Everything here is pure, in float32 at least (float64 stays float64), and what a mask leaves out has no influence on a
value or a gradient, not even where it is not finite.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

CHUNK = 1024
"""Tokens whose logits are held at once: 1024 of 49,152 are 200 MB in float32."""

PORTION = 256
"""As `CHUNK`, on a processor: fewer logits stay in its cache between the passes over them."""


def wide(values: Tensor) -> Tensor:
    """Return ``values`` in float32, or as they are in float64: softmax and sums in bfloat16 lose what is learnt from."""
    return values if values.dtype == torch.float64 else values.float()


def kept(values: Tensor, mask: Tensor) -> Tensor:
    """Return ``values`` with zeros where ``mask`` is false; what stood there gets no gradient, whatever it was."""
    return values.masked_fill(~mask, 0.0)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of ``values`` where ``mask`` is true; 0 where it is true nowhere."""
    return kept(values, mask).sum() / mask.sum().clamp(min=1)


def cross_entropy(logits: Tensor, targets: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of -log p(target) in nats over what is ``wanted``, and how many tokens that are.

    ``logits``: (…, vocabulary), ``targets`` and ``wanted`` (true or false): (…). Sum and count stay apart so that a mean
    over several batches can be one over their tokens.
    """
    losses = functional.cross_entropy(wide(logits)[wanted], targets[wanted], reduction="sum")
    return losses, wanted.sum()


def log_probabilities(logits: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
    """Return log p(target) in nats: (…) of ``logits`` (…, vocabulary) and ``targets`` (…).

    ``temperature`` is what answers were drawn with: all log-probabilities of one training run are of the distribution
    that was drawn from (Ziegler et al. 2019; lm-human-preference-details), or ratios and KL are of another policy.
    """
    scaled = wide(logits) / temperature
    picked: Tensor = scaled.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return picked - scaled.logsumexp(-1)


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy in nats of each distribution: (…) of ``logits`` (…, vocabulary). A logit may be -inf."""
    logs = functional.log_softmax(wide(logits), -1)
    likely = logs.exp()
    return -(likely * logs.masked_fill(likely == 0, 0.0)).sum(-1)


class LinearCrossEntropy(torch.autograd.Function):  # type: ignore[misc]  # torch is not followed by mypy
    """The sum of cross-entropies of ``hidden @ weight.T``, never holding more than a chunk of the logits.

    Gradients are made on the way, as the sum is linear in what comes from behind (Liger Kernel, arXiv 2410.10989): no
    logit is computed twice. It has no second derivative. Under autocast matrices are multiplied in its precision, the
    weights being cast once; softmax, sums and the weights' gradient are in float32.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int) -> Tensor:
        needs_hidden, needs_weight = ctx.needs_input_grad[:2]
        to_hidden = torch.empty_like(hidden) if needs_hidden else None
        to_weight = torch.zeros_like(weight) if needs_weight else None
        total = wide(hidden).new_zeros(())
        device = hidden.device.type
        low = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
        with torch.autocast(device, enabled=False):
            states, matrix = hidden.to(low), weight.to(low)
            for start, end in _spans(len(hidden), chunk):
                part, wanted = states[start:end], targets[start:end, None]
                logs = functional.log_softmax(wide(part @ matrix.T), -1)
                total -= logs.gather(-1, wanted).sum()
                if not needs_hidden and not needs_weight:
                    continue
                pull = logs.exp_()  # the probabilities, less one for what was to be said
                pull.scatter_add_(-1, wanted, pull.new_full(wanted.shape, -1.0))
                pull = pull.to(low)
                if to_hidden is not None:
                    to_hidden[start:end] = pull @ matrix
                if to_weight is not None and to_weight.dtype == low:
                    to_weight.addmm_(pull.T, part)
                elif to_weight is not None:
                    to_weight += pull.T @ part
        ctx.save_for_backward(to_hidden, to_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        to_hidden, to_weight = ctx.saved_tensors
        (scale,) = upstream
        return (
            None if to_hidden is None else to_hidden * scale.to(to_hidden.dtype),
            None if to_weight is None else to_weight * scale.to(to_weight.dtype),
            None,
            None,
        )


def linear_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int | None = None) -> Tensor:
    """Return the sum of -log p(target) in nats for hidden states whose logits are ``hidden @ weight.T``.

    ``hidden``: (tokens, width), only those where the loss is wanted; ``weight``: (vocabulary, width);
    ``targets``: (tokens). The memory is that of ``chunk`` tokens' logits, by default as many as suit the device.
    """
    chunk = chunk or (PORTION if hidden.device.type == "cpu" else CHUNK)
    function: Any = LinearCrossEntropy  # torch says nothing of the type of what it applies
    found: Tensor = function.apply(hidden, weight, targets, chunk)
    return found


def _spans(length: int, chunk: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, chunk):
        yield start, min(start + chunk, length)
