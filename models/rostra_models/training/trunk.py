"""A language model without its head: hidden states, and the loss of the tokens that are wanted, never of the others."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear, Module

from .losses import linear_cross_entropy, wide

CLOSE = 1e-4
"""How far logits may be from those of the whole model, beside the largest of them."""


def hidden_states(
    model: Module, ids: Tensor, *, positions: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return what ``model`` knows at each token: (rows, tokens, width). Padding stands behind, so it needs no mask.

    ``mask`` (rows, 1, tokens, tokens) says who may look at whom where it is not just what stands before.
    """
    whole: Any = model
    found: Tensor = whole.base_model(
        input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False
    ).last_hidden_state
    return found


def plain_head(model: Module) -> bool:
    """Whether the model's logits are its hidden states times one matrix; some scale or bound them, or add to them."""
    whole: Any = model
    head: Any = whole.get_output_embeddings()
    if type(head) is not Linear or getattr(head, "bias", None) is not None:
        return False
    ids = torch.arange(3, 7, device=head.weight.device)[None] % head.weight.shape[0]
    training = model.training
    model.eval()
    with torch.no_grad():
        logits = wide(whole(input_ids=ids, use_cache=False).logits)
        ours = wide(hidden_states(model, ids) @ head.weight.T)
    model.train(training)
    return bool((ours - logits).abs().max() <= CLOSE * logits.abs().max())


def token_loss(model: Module, ids: Tensor, wanted: Tensor, *, plain: bool = True) -> Tensor:
    """Return the sum of -log p in nats over the tokens ``wanted`` of ``ids``, both (rows, tokens); the first are never.

    ``plain`` is `plain_head`: logits are made only where the loss is, a portion at a time. Without it they are the model's.
    """
    whole: Any = model
    mask, targets = wanted[:, 1:], ids[:, 1:]
    if plain:
        states = hidden_states(model, ids)[:, :-1]
        return linear_cross_entropy(states[mask], whole.get_output_embeddings().weight, targets[mask])
    logits: Tensor = whole(input_ids=ids, use_cache=False).logits[:, :-1]
    return torch.nn.functional.cross_entropy(wide(logits[mask]), targets[mask], reduction="sum")
