from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from training_tensors import gradients_are_right, listed

from rostra_models.training.ranking import (
    Comparison,
    Pairs,
    agreement,
    centring,
    comparisons,
    dpo_rewards,
    merged,
    pairs_of,
    ranking_loss,
)

rewards_of = st.lists(st.floats(-4, 4), min_size=2, max_size=6)


def one(tiers: list[int | None], loose: int | None = None, **options: object) -> Pairs:
    return pairs_of([(len(tiers), comparisons(tiers, loose, **options))])  # type: ignore[arg-type]  # options of tests


def cost(apart: float) -> float:
    return math.log1p(math.exp(-apart))


@given(rewards_of)
def test_a_strict_ranking_costs_the_mean_over_its_pairs_of_minus_log_sigmoid(rewards: list[float]) -> None:
    places = list(range(1, len(rewards) + 1))
    loss = ranking_loss(torch.tensor(rewards, dtype=torch.float64), one([*places]))
    costs = [cost(rewards[i] - rewards[j]) for i, j in combinations(range(len(rewards)), 2)]
    assert loss.item() == pytest.approx(sum(costs) / len(costs))


@given(rewards_of, st.floats(-5, 5), st.data())
def test_adding_the_same_to_all_rewards_changes_nothing(
    rewards: list[float], shift: float, data: st.DataObject
) -> None:
    tiers = data.draw(
        st.lists(st.one_of(st.none(), st.integers(1, 3)), min_size=len(rewards), max_size=len(rewards))
    )
    values, pairs = torch.tensor(rewards, dtype=torch.float64), one(tiers)
    assert ranking_loss(values + shift, pairs, margin=0.3).item() == pytest.approx(
        ranking_loss(values, pairs, margin=0.3).item()
    )


@given(st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=2, max_size=7))
def test_the_pairs_of_a_ranking_weigh_as_much_as_the_ranking(tiers: list[int | None]) -> None:
    found = comparisons(tiers, weight=1.5)
    compared = [tier for tier in tiers if tier is not None]
    assert len(found) == math.comb(len(compared), 2)
    assert sum(pair.weight for pair in found) == pytest.approx(1.5 if found else 0)


def test_each_pair_of_four_weighs_a_sixth() -> None:
    assert [pair.weight for pair in comparisons([2, 1, 4, 3])] == pytest.approx([1 / 6] * 6)


def test_what_was_not_compared_gets_no_gradient() -> None:
    rewards = torch.tensor([0.5, 3.0, -1.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(ranking_loss(rewards, one([1, None, 2])), rewards)
    assert gradient[1].item() == 0
    assert gradient[0].item() < 0 < gradient[2].item()


def test_answers_of_a_loose_tier_are_compared_with_other_tiers_only() -> None:
    found = {(pair.first, pair.second) for pair in comparisons([1, 2, 2, 3], loose=2)}
    assert found == {(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)}


def test_a_tie_pulls_together_or_says_nothing() -> None:
    rewards = torch.tensor([1.0, -1.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(ranking_loss(rewards, one([1, 1])), rewards)
    assert gradient[0].item() > 0 > gradient[1].item()
    assert comparisons([1, 1], ties="drop") == ()
    assert ranking_loss(rewards, one([1, 1], ties="drop")).item() == 0


def test_without_ties_the_other_pairs_weigh_as_much_as_the_ranking() -> None:
    assert [pair.weight for pair in comparisons([1, 1, 2], ties="drop")] == [0.5, 0.5]


def test_several_raters_give_soft_targets_with_the_same_gradient() -> None:
    said = [*comparisons([1, 2, 3]), *comparisons([2, 1, None]), *comparisons([1, 1, 2])]
    together = merged(said)
    assert len(together) == 3
    first = together[0]
    assert (first.first, first.second) == (0, 1)
    assert first.weight == pytest.approx(1 / 3 + 1 + 1 / 3)
    assert first.target == pytest.approx((1 / 3 + 0 + 1 / 6) / first.weight)
    rewards = torch.tensor([0.3, -0.2, 1.1], dtype=torch.float64, requires_grad=True)
    gradients = [
        torch.autograd.grad(ranking_loss(rewards, pairs_of([(3, pairs)])), rewards)[0]
        for pairs in (said, together)
    ]
    torch.testing.assert_close(*gradients)


def test_a_margin_asks_for_more_the_further_answers_stand_apart() -> None:
    rewards = torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64)
    loss = ranking_loss(rewards, one([1, 2, 3]), margin=0.5)
    assert loss.item() == pytest.approx((cost(0.5) + cost(1.0) + cost(0.5)) / 3)


def test_a_turned_comparison_is_the_same_comparison() -> None:
    (turned,) = merged([Comparison(first=1, second=0, target=0.75, weight=2.0, gap=1.5)])
    assert turned == Comparison(first=0, second=1, target=0.25, weight=2.0, gap=-1.5)
    rewards = torch.tensor([0.4, -0.6], dtype=torch.float64)
    losses = [
        ranking_loss(rewards, pairs_of([(2, [pair])]), margin=0.3).item()
        for pair in (turned, Comparison(first=1, second=0, target=0.75, weight=2.0, gap=1.5))
    ]
    assert losses[0] == pytest.approx(losses[1])


def test_the_ranking_loss_has_the_gradients_of_finite_differences() -> None:
    pairs = pairs_of([(3, comparisons([1, 2, 2])), (2, comparisons([2, 1], weight=0.5))])
    rewards = torch.tensor([0.3, 1.2, -0.7, 0.1, 0.9], dtype=torch.float64, requires_grad=True)
    assert gradients_are_right(lambda given: ranking_loss(given, pairs, margin=0.2), rewards)
    assert gradients_are_right(lambda given: centring(given, pairs), rewards)


def test_rankings_of_a_batch_do_not_touch_one_another() -> None:
    said = [comparisons([1, 2, 3]), comparisons([2, 1])]
    rewards = torch.tensor([0.3, 1.2, -0.7, 0.1, 0.9])
    together = ranking_loss(rewards, pairs_of([(3, said[0]), (2, said[1])]))
    alone = [
        ranking_loss(part, pairs_of([(len(part), pairs)]))
        for part, pairs in zip((rewards[:3], rewards[3:]), said, strict=True)
    ]
    assert together.item() == pytest.approx(sum(loss.item() for loss in alone))


def test_centring_of_a_pair_is_the_square_of_the_sum() -> None:
    assert centring(torch.tensor([2.0, -0.5]), one([1, 2])).item() == pytest.approx(2.25)


def test_agreement_is_accuracy_and_half_where_nobody_knows() -> None:
    rewards = torch.tensor([1.0, 0.0, 0.0])
    assert listed(agreement(rewards, one([1, 2, 3]))) == [1.0, 1.0, 0.5]
    assert listed(agreement(rewards, one([2, 1, None]))) == [0.0]
    soft = pairs_of([(3, [Comparison(first=0, second=1, target=0.75)])])
    assert listed(agreement(rewards, soft)) == [0.75]


def test_dpo_is_the_ranking_loss_of_the_implied_rewards() -> None:
    policy, reference = torch.tensor([-10.0, -12.0]), torch.tensor([-11.0, -11.5])
    loss = ranking_loss(dpo_rewards(policy, reference, 0.1), one([1, 2]))
    assert loss.item() == pytest.approx(cost(0.1 * (1.0 - -0.5)))
    start = ranking_loss(dpo_rewards(policy, policy, 0.1), one([1, 2]))
    assert start.item() == pytest.approx(math.log(2))


def test_an_empty_batch_costs_nothing() -> None:
    nothing: Tensor = ranking_loss(torch.tensor([1.0]), pairs_of([(1, ())]))
    assert nothing.item() == 0
