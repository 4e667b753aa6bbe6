from __future__ import annotations

from typing import Any

import pytest
import torch
from training_tensors import gradients_are_right, random

from rostra_models.training.heads import token_cost, token_logs
from rostra_models.training.losses import entropy, log_probabilities

STATES, WEIGHT, TARGETS = random(0, 7, 5), random(1, 11, 5), torch.tensor([0, 3, 10, 3, 7, 1, 2])
GAIN = random(2, 7)


def a_cost(chosen: torch.Tensor, span: slice) -> torch.Tensor:
    """Something bent, so that gradients differ from token to token."""
    return (GAIN[span] * chosen.exp()).sum() + 0.1 * chosen.square().sum()


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("chunk", [2, 100])
def test_log_probabilities_of_tokens_are_those_of_all_the_logits(temperature: float, chunk: int) -> None:
    logits = STATES @ WEIGHT.T
    found = token_logs(STATES, WEIGHT, TARGETS, temperature, chunk=chunk)
    torch.testing.assert_close(found.chosen, log_probabilities(logits, TARGETS, temperature))
    torch.testing.assert_close(found.plain, log_probabilities(logits, TARGETS))
    torch.testing.assert_close(found.entropy, entropy(logits / temperature))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("chunk", [2, 100])
def test_a_cost_of_tokens_has_the_value_and_gradients_of_autograd(temperature: float, chunk: int) -> None:
    ours, theirs = ([one.clone().requires_grad_() for one in (STATES, WEIGHT)] for _ in range(2))
    total, chosen = token_cost(ours[0], ours[1], TARGETS, a_cost, temperature, chunk=chunk)
    plain = log_probabilities(theirs[0] @ theirs[1].T, TARGETS, temperature)
    expected = a_cost(plain, slice(None))
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(chosen, plain.detach())
    for one in (total, expected):
        found: Any = one
        found.backward(torch.tensor(3.0, dtype=torch.float64))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_gradients_of_a_cost_are_those_of_finite_differences() -> None:
    assert gradients_are_right(
        lambda states: token_cost(states, WEIGHT, TARGETS, a_cost, 0.8, chunk=3)[0], STATES.clone()
    )


def test_the_same_weights_give_the_same_log_probabilities_to_the_last_bit() -> None:
    states, weight = STATES.float(), WEIGHT.float()
    logs = token_logs(states, weight, TARGETS, 0.7, chunk=3)
    _, chosen = token_cost(states, weight, TARGETS, lambda new, span: (new * GAIN[span]).sum(), 0.7, chunk=3)
    assert torch.equal(logs.chosen, chosen)


def test_no_tokens_cost_nothing() -> None:
    none = torch.zeros(0, dtype=torch.long)
    assert len(token_logs(STATES[:0], WEIGHT, none).chosen) == 0
    total, chosen = token_cost(STATES[:0], WEIGHT, none, a_cost)
    assert float(total) == 0.0
    assert len(chosen) == 0
