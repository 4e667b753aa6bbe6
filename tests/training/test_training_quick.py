"""What stands in for transformers' norm and rotation computes what they do, there and back."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from training_tensors import seeded
from training_texts import SHAPE

from rostra_models.training.packing import packed_mask
from rostra_models.training.quick import gated, norm, quickened, rotated
from rostra_models.training.shapes import new_model


def check(function: Any, *given: torch.Tensor) -> bool:
    library: Any = torch.autograd
    return bool(library.gradcheck(function, given))


def test_gradients_are_those_of_finite_differences() -> None:
    x, weight = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    angles = torch.randn(3, 2, dtype=torch.float64)
    both = torch.cat([angles, angles], -1)
    assert check(partial(norm, epsilon=1e-6), x.requires_grad_(), weight.requires_grad_())
    assert check(partial(rotated, cosines=both.cos(), sines=both.sin()), x)
    gate, up, down = (torch.randn(*shape, dtype=torch.float64) for shape in ((5, 4), (5, 4), (4, 5)))
    assert check(gated, x, gate.requires_grad_(), up.requires_grad_(), down.requires_grad_())


def test_a_weight_that_is_frozen_gets_no_gradient() -> None:
    x, weight = torch.randn(3, 4, requires_grad=True), torch.ones(4)
    total: Any = norm(x, weight, 1e-6).square().sum()
    total.backward()
    assert weight.grad is None
    assert x.grad is not None


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("key_heads", [2, 1])
def test_a_model_says_and_learns_the_same(packed: bool, key_heads: int) -> None:
    seeded(0)
    plain: Any = new_model(SHAPE.model_copy(update={"key_heads": key_heads}), vocabulary=20, context=8)
    for weight in plain.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    quick = deepcopy(plain)
    ids = torch.randint(0, 20, (2, 8))
    more = {"attention_mask": packed_mask(torch.tensor([[0] * 5 + [1] * 3] * 2))} if packed else {}
    with quickened(quick) as count:
        found = [model(input_ids=ids, use_cache=False, **more).logits for model in (plain, quick)]
    assert count == 2 * 4 + 1
    assert [type(one) for one in quick.modules()] == [type(one) for one in plain.modules()]
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)
    for one in found:
        one.square().sum().backward()
    for ours, theirs in zip(quick.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-3)
    assert quick.state_dict().keys() == plain.state_dict().keys()


def test_generation_and_sixteen_bits_are_left_to_transformers() -> None:
    seeded(0)
    plain: Any = new_model(SHAPE, vocabulary=20, context=16)
    quick = deepcopy(plain)
    ids = torch.randint(0, 20, (1, 4))
    with quickened(quick):
        compare(ids, plain, quick)


def compare(ids: torch.Tensor, plain: Any, quick: Any) -> None:
    said = [
        model.generate(ids, max_new_tokens=6, do_sample=False, pad_token_id=0).tolist()
        for model in (plain, quick)
    ]
    assert said[0] == said[1]
    with torch.autocast("cpu", torch.bfloat16):
        logits = [model(input_ids=ids, use_cache=False).logits for model in (plain, quick)]
    assert torch.equal(logits[0], logits[1])
