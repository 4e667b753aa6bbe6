"""How weights follow gradients: Muon beside PyTorch's own, and which weights go to whom."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import Linear
from training_texts import SHAPE

from rostra_models.training.optimiser import Muon, optimisers, orthogonal
from rostra_models.training.settings import LoopSettings
from rostra_models.training.shapes import new_model


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 24)])
def test_updates_are_nearly_orthogonal(shape: tuple[int, int]) -> None:
    drawn = torch.Generator().manual_seed(0)
    made = orthogonal(torch.randn(3, *shape, generator=drawn), 5)
    library: Any = torch.linalg
    sizes = library.svdvals(made)
    assert float(sizes.min()) > 0.5
    assert float(sizes.max()) < 1.3


def test_muon_takes_the_steps_that_pytorchs_takes() -> None:
    ours, theirs = Linear(6, 4, bias=False), Linear(6, 4, bias=False)
    theirs.load_state_dict(ours.state_dict())
    asked = LoopSettings(steps=1, learning_rate=1.0, muon_learning_rate=0.1, weight_decay=0.1)
    library: Any = torch.optim
    one = Muon(ours.parameters(), asked)
    other: Any = library.Muon(theirs.parameters(), lr=0.1, momentum=0.95, weight_decay=0.1, nesterov=True)
    drawn = torch.Generator().manual_seed(0)
    for _ in range(4):
        ours.weight.grad = torch.randn(4, 6, generator=drawn)
        theirs.weight.grad = ours.weight.grad.clone()
        one.step()
        other.step()
    # Theirs computes the update in 16 bits.
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=0, atol=0.01)


def test_muon_gets_the_matrices_of_layers_and_adamw_the_rest() -> None:
    model = new_model(SHAPE.model_copy(update={"tied": False}), vocabulary=20, context=16)
    names = {id(one): name for name, one in model.named_parameters()}
    asked = LoopSettings(
        steps=1, learning_rate=0.1, embedding_learning_rate=0.3, optimiser="muon", weight_decay=0.2
    )
    adamw, muon = optimisers(model, asked)
    inner = {names[id(one)] for group in muon.param_groups for one in group["params"]}
    assert inner == {name for name in names.values() if "_proj" in name}
    groups = {
        frozenset(names[id(one)].split(".")[-2] for one in group["params"]): (
            group["lr"],
            group["weight_decay"],
        )
        for group in adamw.param_groups
    }
    norms = frozenset({"input_layernorm", "post_attention_layernorm", "norm"})
    assert groups == {frozenset({"embed_tokens", "lm_head"}): (0.3, 0.0), norms: (0.1, 0.0)}
    (alone,) = optimisers(model, asked.model_copy(update={"optimiser": "adamw"}))
    assert alone.param_groups[0]["weight_decay"] == 0.2
    assert len(alone.param_groups[0]["params"]) == len(inner)


def test_what_wants_no_gradient_is_left_alone() -> None:
    model = new_model(SHAPE, vocabulary=20, context=16)
    for name, one in model.named_parameters():
        one.requires_grad_("q_proj" in name)
    (only,) = optimisers(model, LoopSettings(steps=1, learning_rate=0.1))
    assert sum(len(group["params"]) for group in only.param_groups) == SHAPE.layers
