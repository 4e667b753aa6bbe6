"""Log-probabilities of single tokens from hidden states: logits are never all there at once, on the way back neither."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from .losses import CHUNK, log_probabilities


def linear_log_probabilities(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, temperature: float = 1.0, chunk: int = CHUNK
) -> Tensor:
    """Return log p(target) in nats for hidden states whose logits are ``hidden @ weight.T``: (tokens).

    ``hidden``: (tokens, width), ``weight``: (vocabulary, width), ``targets``: (tokens). The memory is that of ``chunk`` tokens'
    logits: they are computed a second time for gradients, which differ from answer to answer and cannot be made before.
    """
    found = [
        _again(hidden[start : start + chunk], weight, targets[start : start + chunk], temperature)
        for start in range(0, len(hidden), chunk)
    ]
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
