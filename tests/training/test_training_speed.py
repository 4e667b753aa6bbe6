"""What makes training fast changes no result: logits a portion at a time, half precision there, memory that is kept."""

from __future__ import annotations

import platform
import resource
from typing import Any

import numpy as np
import pytest
import torch

from rostra_models.training.allocator import kept_memory
from rostra_models.training.loop import seed
from rostra_models.training.losses import linear_cross_entropy
from rostra_models.training.packing import Packed, packed
from rostra_models.training.pretrain import LARGE, next_token_loss, text_loss
from rostra_models.training.shapes import ShapeSettings, new_model

PAGES = 64 * 2**20 // 4096


def batch(*lengths: int) -> Packed:
    chance = np.random.default_rng(0)
    row = [(chance.integers(3, LARGE, size), chance.integers(3, LARGE, size)) for size in lengths]
    return packed([row, row[::-1]], 24, 0)


@pytest.mark.parametrize("lengths", [(24,), (10, 8)])
def test_a_text_costs_the_same_with_all_logits_and_with_a_portion_at_a_time(lengths: tuple[int, ...]) -> None:
    seed(0)
    model = new_model(ShapeSettings(layers=2, width=16, heads=2), vocabulary=LARGE, context=24)
    one = batch(*lengths)
    quick = text_loss(model, torch.device("cpu"))
    found = {}
    for name, way in {"all": next_token_loss, "portions": quick}.items():
        model.zero_grad()
        loss = way(model, one)
        total: Any = loss.total
        total.backward()
        found[name] = (loss.total.detach(), [weight.grad for weight in model.parameters()], loss.count)
    assert found["all"][2] == found["portions"][2] == 2 * sum(lengths)
    torch.testing.assert_close(found["all"][0], found["portions"][0])
    torch.testing.assert_close(found["all"][1], found["portions"][1], rtol=1e-4, atol=1e-5)


def test_with_half_precision_a_loss_and_its_gradients_stay_in_full_and_close() -> None:
    seed(0)
    hidden = torch.randn(40, 16, requires_grad=True)
    weight = torch.randn(50, 16, requires_grad=True)
    targets = torch.randint(50, (40,))
    exact = linear_cross_entropy(hidden, weight, targets, 16)
    gradients = torch.autograd.grad(exact, (hidden, weight))
    with torch.autocast("cpu", torch.bfloat16):
        half = linear_cross_entropy(hidden, weight, targets, 16)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, exact, rtol=1e-2, atol=0.0)
    for one, other in zip(torch.autograd.grad(half, (hidden, weight)), gradients, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).square().sum() < 4e-4 * other.square().sum()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_a_large_buffer_that_was_freed_is_taken_again_without_asking_the_system() -> None:
    def faults(pages: int) -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(pages * 4096 // 4)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with kept_memory():
        faults(2 * PAGES)
        assert faults(PAGES) < PAGES / 8
