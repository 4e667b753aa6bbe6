from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_tensors import gradients_are_right, random

from rostra_models.training.losses import (
    cross_entropy,
    entropy,
    linear_cross_entropy,
    log_probabilities,
    masked_mean,
    wide,
)


def test_a_uniform_distribution_costs_the_logarithm_of_its_size() -> None:
    total, count = cross_entropy(
        torch.zeros(2, 3, 8), torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.bool)
    )
    assert count.item() == 6
    assert total.item() == pytest.approx(6 * math.log(8))


def test_cross_entropy_counts_only_what_is_wanted() -> None:
    logits = random(0, 5, 4)
    wanted = torch.tensor([True, False, True, False, False])
    targets = torch.tensor([1, 3, 0, 2, 2])
    total, count = cross_entropy(logits, targets, wanted)
    expected = -sum(logits[at].log_softmax(0)[targets[at]].item() for at in (0, 2))
    assert (total.item(), count.item()) == (pytest.approx(expected), 2)


def test_cross_entropy_of_nothing_is_zero() -> None:
    total, count = cross_entropy(
        random(0, 3, 4), torch.zeros(3, dtype=torch.long), torch.zeros(3, dtype=torch.bool)
    )
    assert (total.item(), count.item()) == (0.0, 0)


def test_what_is_not_wanted_has_no_influence_even_where_it_is_not_finite() -> None:
    logits = random(0, 4, 3)
    logits[1] = math.nan
    logits.requires_grad_()
    wanted = torch.tensor([True, False, True, True])
    total, _ = cross_entropy(logits, torch.zeros(4, dtype=torch.long), wanted)
    (gradient,) = torch.autograd.grad(total, logits)
    assert math.isfinite(total.item())
    assert gradient[1].abs().sum().item() == 0
    assert torch.isfinite(gradient).all()


@given(st.integers(1, 7), st.integers(1, 9), st.integers(0, 10_000))
def test_the_loss_in_chunks_is_that_of_all_logits_with_its_gradients(
    tokens: int, chunk: int, seed: int
) -> None:
    hidden, weight = (
        random(seed, tokens, 3).requires_grad_(),
        random(seed + 1, 5, 3).requires_grad_(),
    )
    targets = torch.arange(tokens) % 5
    whole, _ = cross_entropy(hidden @ weight.T, targets, torch.ones(tokens, dtype=torch.bool))
    parts = linear_cross_entropy(hidden, weight, targets, chunk)
    assert parts.item() == pytest.approx(whole.item())
    for one, other in zip(
        torch.autograd.grad(3 * parts, (hidden, weight)),
        torch.autograd.grad(3 * whole, (hidden, weight)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_the_loss_in_chunks_has_the_gradients_of_finite_differences() -> None:
    hidden, weight = random(0, 4, 3).requires_grad_(), random(1, 5, 3).requires_grad_()
    targets = torch.tensor([0, 4, 2, 2])
    assert gradients_are_right(lambda given: linear_cross_entropy(given, weight, targets, 3), hidden)
    assert gradients_are_right(lambda given: linear_cross_entropy(hidden, given, targets, 3), weight)


def test_frozen_weights_get_no_gradient_and_evaluation_needs_none() -> None:
    hidden, weight = random(0, 4, 3).requires_grad_(), random(1, 5, 3)
    targets = torch.tensor([0, 4, 2, 2])
    loss = linear_cross_entropy(hidden, weight, targets)
    (gradient,) = torch.autograd.grad(loss, hidden)
    assert gradient.abs().min().item() > 0
    with torch.no_grad():
        assert linear_cross_entropy(hidden, weight, targets).item() == pytest.approx(loss.item())


def test_log_probabilities_are_those_of_the_scaled_logits() -> None:
    logits, targets = random(0, 2, 3, 5), torch.tensor([[0, 1, 2], [3, 4, 0]])
    expected = (logits / 0.7).log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    torch.testing.assert_close(log_probabilities(logits, targets, 0.7), expected)


def test_log_probabilities_have_the_gradients_of_finite_differences() -> None:
    targets = torch.tensor([[0, 1, 2], [3, 4, 0]])
    assert gradients_are_right(
        lambda logits: log_probabilities(logits, targets, 0.7), random(0, 2, 3, 5).requires_grad_()
    )


def test_entropy_is_that_of_closed_forms() -> None:
    certain = torch.tensor([0.0, -math.inf, -math.inf])
    assert entropy(torch.zeros(3)).item() == pytest.approx(math.log(3))
    assert entropy(certain).item() == 0
    half = torch.tensor([1.0, 1.0, -math.inf])
    assert entropy(half).item() == pytest.approx(math.log(2))


def test_entropy_has_the_gradients_of_finite_differences() -> None:
    assert gradients_are_right(entropy, random(0, 2, 4).requires_grad_())


def test_a_mean_over_nothing_is_zero() -> None:
    assert masked_mean(torch.tensor([math.nan]), torch.tensor([False])).item() == 0
    assert masked_mean(torch.tensor([1.0, 9.0, 3.0]), torch.tensor([True, False, True])).item() == 2


def test_half_precision_is_widened_and_double_stays() -> None:
    assert wide(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert wide(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64
