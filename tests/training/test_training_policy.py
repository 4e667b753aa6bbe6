from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from training_tensors import gradients_are_right, listed
from training_tensors import random as drawn

from rostra_models.training.advantages import gae, leave_one_out, token_rewards, whitened
from rostra_models.training.policy import adapted, clipped_policy_loss, clipped_value_loss, kl

SHAPE = (3, 5)
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 1, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)
masks = st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=3, max_size=3).map(torch.tensor)


def random(seed: int, *shape: int) -> Tensor:
    return drawn(seed, *(shape or SHAPE))


def defined(rewards: list[float], values: list[float], gamma: float, lam: float) -> list[float]:
    """Generalised advantages as they are defined: a sum over all that comes."""
    after = [*values, 0.0][1:]
    deltas = [r + gamma * n - v for r, n, v in zip(rewards, after, values, strict=True)]
    return [
        sum((gamma * lam) ** ahead * delta for ahead, delta in enumerate(deltas[at:]))
        for at in range(len(deltas))
    ]


@given(masks, st.integers(0, 1000), st.floats(0, 1), st.floats(0, 1))
def test_advantages_are_those_of_the_definition_over_the_tokens_that_count(
    mask: Tensor, seed: int, gamma: float, lam: float
) -> None:
    rewards, values = random(seed), random(seed + 1)
    advantages, returns = gae(rewards, values, mask, gamma=gamma, lam=lam)
    for row in range(len(mask)):
        there = mask[row]
        expected = defined(listed(rewards[row][there]), listed(values[row][there]), gamma, lam)
        assert listed(advantages[row][there]) == pytest.approx(expected)
        assert not advantages[row][~there].any()
    torch.testing.assert_close(returns, advantages + values * mask)


def test_with_gamma_and_lambda_one_the_return_is_what_is_still_to_come() -> None:
    rewards = torch.tensor([[1.0, 2.0, 4.0]])
    _, returns = gae(rewards, torch.tensor([[5.0, -3.0, 0.5]]), torch.ones(1, 3, dtype=torch.bool), lam=1.0)
    assert listed(returns) == [[7.0, 6.0, 4.0]]


def test_at_the_first_step_the_ratio_is_one_exactly() -> None:
    old, advantages = random(1), random(2)
    new = old.clone().requires_grad_()
    total, clipped = clipped_policy_loss(new, old, advantages, MASK)
    assert total.item() == -(advantages * MASK).sum().item()
    assert clipped.item() == 0
    (gradient,) = torch.autograd.grad(total, new)
    assert torch.equal(gradient, -advantages * MASK)


def test_what_left_the_clip_for_its_gain_pulls_no_more() -> None:
    old = torch.zeros(1, 4)
    new = torch.log(torch.tensor([[1.5, 1.5, 0.5, 0.5]])).requires_grad_()
    advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    total, clipped = clipped_policy_loss(new, old, advantages, torch.ones(1, 4, dtype=torch.bool))
    assert total.item() == pytest.approx(-1.2 + 1.5 - 0.5 + 0.8)
    assert clipped.item() == 2
    (gradient,) = torch.autograd.grad(total, new)
    assert listed(gradient)[0] == pytest.approx([0.0, 1.5, -0.5, 0.0])


def test_the_upper_clip_may_be_another() -> None:
    new = torch.log(torch.tensor([[1.5]]))
    one = torch.ones(1, 1)
    total, _ = clipped_policy_loss(new, one * 0, one, one.bool(), clip=0.2, clip_above=0.28)
    assert total.item() == pytest.approx(-1.28)


def test_the_policy_loss_has_the_gradients_of_finite_differences() -> None:
    old, advantages = random(1), random(2)
    new = (old + 0.3 * random(3)).requires_grad_()
    assert gradients_are_right(lambda given: clipped_policy_loss(given, old, advantages, MASK)[0], new)


def test_the_value_loss_is_half_the_square_and_takes_the_worse_of_both() -> None:
    mask = torch.ones(1, 3, dtype=torch.bool)
    new, old = torch.tensor([[1.0, 1.0, 0.1]]), torch.zeros(1, 3)
    returns = torch.tensor([[1.0, 3.0, 0.0]])
    total, clipped = clipped_value_loss(new, old, returns, mask)
    assert total.item() == pytest.approx(0.5 * (0.8**2 + 2.8**2 + 0.1**2))
    assert clipped.item() == 2
    free, none = clipped_value_loss(new, old, returns, mask, clip=None)
    assert (free.item(), none.item()) == (pytest.approx(0.5 * (0 + 4 + 0.01)), 0)


def test_the_value_loss_has_the_gradients_of_finite_differences() -> None:
    old, returns = random(1), random(2)
    new = (old + 0.3 * random(3)).requires_grad_()
    assert gradients_are_right(lambda given: clipped_value_loss(given, old, returns, MASK)[0], new)


@pytest.mark.parametrize("estimate", ["k1", "k2", "k3"])
def test_kl_of_a_policy_to_itself_is_zero(estimate: str) -> None:
    same = random(1)
    assert torch.equal(kl(same, same, MASK, estimate), torch.zeros(SHAPE, dtype=torch.float64))  # type: ignore[arg-type]  # parametrised


def test_kl_estimates_are_those_of_the_closed_forms() -> None:
    mask = torch.ones(1, dtype=torch.bool)
    new, old = torch.tensor([math.log(0.5)]), torch.tensor([math.log(0.25)])
    assert kl(new, old, mask).item() == pytest.approx(math.log(2))
    assert kl(new, old, mask, "k2").item() == pytest.approx(math.log(2) ** 2 / 2)
    assert kl(new, old, mask, "k3").item() == pytest.approx(0.5 - 1 + math.log(2))


@pytest.mark.parametrize("estimate", ["k1", "k3"])
def test_kl_estimates_are_unbiased(estimate: str) -> None:
    new, old = (
        torch.tensor([0.5, -0.3, 1.1, 0.0]).log_softmax(0),
        torch.tensor([0.1, 0.4, -0.9, 0.2]).log_softmax(0),
    )
    each = kl(new, old, torch.ones(4, dtype=torch.bool), estimate)  # type: ignore[arg-type]  # parametrised
    assert (new.exp() * each).sum().item() == pytest.approx((new.exp() * (new - old)).sum().item())


@pytest.mark.parametrize("estimate", ["k1", "k2", "k3"])
def test_kl_has_the_gradients_of_finite_differences(estimate: str) -> None:
    old = random(1)
    assert gradients_are_right(
        lambda new: kl(new, old, MASK, estimate),  # type: ignore[arg-type]  # parametrised
        random(2).requires_grad_(),
    )


@given(masks, st.sampled_from([math.nan, math.inf, -math.inf, 1e30]))
def test_masked_tokens_have_no_influence_on_values_or_gradients(mask: Tensor, junk: float) -> None:
    def found(fill: float) -> list[Tensor]:
        new, old, gains, values = (random(seed).masked_fill(~mask, fill) for seed in range(4))
        new.requires_grad_()
        values.requires_grad_()
        advantages, returns = gae(gains, values.detach(), mask)
        rewards = token_rewards(torch.ones(len(mask)), old, mask, 0.1)
        loss = (
            clipped_policy_loss(new, old, gains, mask)[0]
            + clipped_value_loss(values, old, gains, mask)[0]
            + sum(kl(new, old, mask, each).sum() for each in ("k1", "k2", "k3"))
        )
        assert isinstance(loss, Tensor)
        gradients = torch.autograd.grad(loss, (new, values))
        assert not any(gradient[~mask].any() for gradient in gradients)
        return [loss.detach(), advantages, returns, rewards, whitened(gains, mask), *gradients]

    for one, other in zip(found(0.0), found(junk), strict=True):
        assert torch.equal(one, other)


def test_the_score_is_on_the_last_token_and_divergence_on_each() -> None:
    divergence = torch.full(SHAPE, 2.0)
    rewards = token_rewards(torch.tensor([1.0, -3.0, 5.0]), divergence, MASK, 0.5)
    assert listed(rewards) == [[-1, -1, -1, -1, 0], [-1, -1, 0, -4, 0], [0, 0, 0, 0, 0]]


def test_whitened_values_have_mean_zero_and_variance_one() -> None:
    values = 3 + 2 * random(5)
    found = whitened(values, MASK)[MASK]
    assert found.mean().item() == pytest.approx(0, abs=1e-9)
    assert found.var().item() == pytest.approx(1)
    unshifted = whitened(values, MASK, shift=False)[MASK]
    assert unshifted.mean().item() == pytest.approx(values[MASK].mean().item())
    assert unshifted.var().item() == pytest.approx(1)


def test_one_value_or_equal_ones_are_only_shifted() -> None:
    for values in (torch.tensor([[4.0]]), torch.tensor([[4.0, 4.0]])):
        mask = torch.ones_like(values, dtype=torch.bool)
        assert not whitened(values, mask).any()
        assert torch.equal(whitened(values, mask, shift=False), values)


def test_leave_one_out_compares_with_the_mean_of_the_others() -> None:
    assert listed(leave_one_out(torch.tensor([[1.0, 2.0, 6.0]]))) == [[-3.0, -1.5, 4.5]]
    with pytest.raises(ValueError, match="1 answer a question has no others"):
        leave_one_out(torch.tensor([[1.0]]))


def test_the_coefficient_of_kl_follows_its_target_by_a_fifth_at_most() -> None:
    assert adapted(0.1, 6.0, target=6.0, horizon=100, episodes=50) == pytest.approx(0.1)
    assert adapted(0.1, 6.6, target=6.0, horizon=100, episodes=50) == pytest.approx(0.105)
    assert adapted(0.1, 60.0, target=6.0, horizon=100, episodes=50) == pytest.approx(0.11)
    assert adapted(0.1, 0.0, target=6.0, horizon=100, episodes=50) == pytest.approx(0.09)
