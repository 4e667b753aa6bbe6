from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from training_practice import likes_a, practice, told

from rostra_models.testing_reward import tiny_reward
from rostra_models.training.errors import NotResumable, TrainError
from rostra_models.training.ppo import PpoSettings, ppo
from rostra_models.training.rloo import RlooSettings, rloo
from rostra_models.training.starting import model_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_reward(tmp_path_factory.mktemp("judge"), seed=1)


def weights(folder: Path) -> Mapping[str, torch.Tensor]:
    state: Mapping[str, torch.Tensor] = model_in(folder).state_dict()
    return state


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"lora_rank": 2},
        {"temperature": 0.7, "micro_tokens": 60},
        {"loop": {"precision": "bfloat16"}},
        {"critic": "reward"},
    ],
)
def test_at_the_first_step_all_ratios_are_exactly_one_and_the_divergence_is_exactly_zero(
    base: Path, judge: Path, tmp_path: Path, given: dict[str, Any]
) -> None:
    settings = practice(tmp_path, base, reward=judge, rounds=1, **given)
    ppo(settings)
    first, second, *_ = told(settings)
    for name in ("ratio_deviation", "moved", "clipped", "kl", "kl_k3", "value_clipped"):
        assert first[name] == 0.0, name
    assert second["ratio_deviation"] > 0
    gap = 0.05 if given.get("loop") else 1e-4
    assert 0 <= first["engine_gap"] < gap
    assert first["explained_variance"] == pytest.approx(0.0, abs=1e-6)  # all values are zero at first


@pytest.mark.parametrize(
    "given", [{}, {"lora_rank": 2, "kl_target": 1.0}, {"critic": "reward", "minibatches": 2}]
)
def test_a_run_resumed_in_the_middle_of_a_round_is_the_uninterrupted_one_bit_for_bit(
    base: Path, judge: Path, tmp_path: Path, given: dict[str, Any]
) -> None:
    whole = practice(tmp_path / "whole", base, reward=judge, **given)
    half = practice(tmp_path / "half", base, reward=judge, **given, loop={"save_every": 2, "keep": 9})
    expected = ppo(whole)
    ppo(half)
    for step in (4, 6, 8, 10, 12):  # three steps of a round are taken after four
        shutil.rmtree(half.out / "checkpoints" / f"step-{step:08}", ignore_errors=True)
    again = ppo(half, resume=True)
    ours, theirs = weights(expected.model), weights(again.model)
    assert all(torch.equal(one, theirs[name]) for name, one in ours.items())
    timeless = {"tokens_per_second", "seconds"}
    assert [{name: row[name] for name in row.keys() - timeless} for row in told(whole)] == [
        {name: row[name] for name in row.keys() - timeless} for row in told(half)
    ]
    for name in ("reward", "first_reward", "lift", "kl", "length"):
        assert expected.facts[name] == again.facts[name]


def test_a_run_resumed_between_rounds_is_the_uninterrupted_one(base: Path, tmp_path: Path) -> None:
    whole = practice(tmp_path / "whole", base, length_rate=0.5)
    half = practice(tmp_path / "half", base, length_rate=0.5, loop={"save_every": 3})
    expected = ppo(whole, score=likes_a)
    ppo(half, score=likes_a)
    shutil.rmtree(half.out / "checkpoints" / "step-00000006")
    again = ppo(half, score=likes_a, resume=True)
    ours, theirs = weights(expected.model), weights(again.model)
    assert all(torch.equal(one, theirs[name]) for name, one in ours.items())


def test_a_run_does_not_go_on_with_another_penalty(base: Path, tmp_path: Path) -> None:
    ppo(practice(tmp_path, base, loop={"save_every": 3}), score=likes_a)
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-00000006")
    with pytest.raises(NotResumable, match="kl_coefficient"):
        ppo(practice(tmp_path, base, kl_coefficient=0.5, loop={"save_every": 3}), score=likes_a, resume=True)


def test_a_round_ends_where_the_policy_has_moved_too_far(base: Path, tmp_path: Path) -> None:
    settings = practice(tmp_path, base, rounds=3, epochs=5, stop_kl=1e-6)
    run = ppo(settings, score=likes_a)
    assert [row["round"] for row in told(settings)] == [0, 0, 1, 1, 2, 2]
    assert run.steps == 6


def test_the_coefficient_follows_its_target(base: Path, tmp_path: Path) -> None:
    settings = practice(
        tmp_path, base, rounds=3, epochs=1, kl_target=1e-3, kl_horizon=8, loop={"learning_rate": 0.01}
    )
    ppo(settings, score=likes_a)
    # None at first, then far above: a fifth less, a fifth more.
    assert [row["coefficient"] for row in told(settings)] == pytest.approx([0.05, 0.04, 0.048])


def test_while_the_critic_warms_up_the_policy_stays_as_it_was(base: Path, tmp_path: Path) -> None:
    settings = practice(tmp_path, base, rounds=2, critic_warmup=2)
    run = ppo(settings, score=likes_a)
    before, after = weights(base), weights(run.model)
    assert all(torch.equal(one, after[name]) for name, one in before.items())
    first, *_, last = told(settings)
    assert last["value_loss"] != first["value_loss"]
    assert "policy_loss" not in first


def test_a_critic_begun_from_the_reward_model_learns_and_is_not_written(
    base: Path, judge: Path, tmp_path: Path
) -> None:
    settings = practice(tmp_path, base, rounds=2, critic="reward", reward=judge, value_clip=None)
    run = ppo(settings)
    rows = told(settings)
    assert rows[2]["value_loss"] < rows[0]["value_loss"]
    assert weights(run.model).keys() == weights(base).keys()


def test_a_critic_that_reads_other_tokens_is_refused(base: Path, tmp_path: Path) -> None:
    other = tiny_reward(tmp_path / "other", template=None)
    tokenizer = (other / "tokenizer.json").read_text(encoding="utf-8")
    (other / "tokenizer.json").write_text(tokenizer.replace("im_end", "im_over"), encoding="utf-8")
    with pytest.raises(TrainError, match="another tokenizer"):
        ppo(practice(tmp_path, base, critic="reward", reward=other))


def test_conversations_to_remember_are_learnt_beside(base: Path, tmp_path: Path) -> None:
    (tmp_path / "talk.jsonl").write_text('{"question": "say b", "answer": "zzzz"}\n', encoding="utf-8")
    settings = practice(
        tmp_path,
        base,
        rounds=4,
        remember=tmp_path / "talk.jsonl",
        remember_coefficient=1.0,
        loop={"learning_rate": 0.01},
    )
    ppo(settings, score=likes_a)
    losses = [row["remember_loss"] for row in told(settings)]
    assert losses[-1] < losses[0] - 1.0


def test_the_reward_rises_without_a_critic_too(base: Path, tmp_path: Path) -> None:
    settings = practice(
        tmp_path,
        base,
        RlooSettings,
        rounds=8,
        batch=32,
        kl_coefficient=0.01,
        answer_tokens=12,
        epochs=2,
        whiten=True,
        loop={"learning_rate": 0.003},
    )
    assert isinstance(settings, RlooSettings)
    run = rloo(settings, score=likes_a)
    assert run.facts["lift"] > 1.0
    assert "value_loss" not in told(settings)[0]


def test_a_model_that_the_engine_does_not_know_speaks_through_transformers(tmp_path: Path) -> None:
    from training_others import tiny_gpt2

    settings = practice(tmp_path, tiny_gpt2(tmp_path / "gpt2"), rounds=2, batch=4, epochs=2)
    run = ppo(settings, score=likes_a)
    first = told(settings)[0]
    assert first["ratio_deviation"] == 0.0
    assert first["engine_gap"] < 1e-4
    assert type(model_in(run.model)).__name__ == "GPT2LMHeadModel"


def test_samples_show_the_question_the_answer_and_what_it_earns(base: Path, tmp_path: Path) -> None:
    settings = practice(tmp_path, base, rounds=1, samples=2, loop={"sample_every": 3})
    ppo(settings, score=lambda said: [0.5] * len(said))
    shown = (settings.out / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(shown) == 2
    assert all("[0.500, no end]" in line and "say " in line for line in shown)


def test_a_reward_that_is_no_number_ends_the_run(base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no number"):
        ppo(practice(tmp_path, base), score=lambda said: [float("nan")] * len(said))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"batch": 9, "answers": 2}, "multiple of answers"),
        ({"critic": "none"}, "needs 'trunk' or 'reward'"),
        ({"advantage": "rloo"}, "has 'none'"),
        ({"advantage": "rloo", "critic": "none"}, "compares 2 or more"),
        ({"minibatches": 100}, "there are 8 answers"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    base: Path, tmp_path: Path, given: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        practice(tmp_path, base, **given)


def test_without_a_reward_there_is_no_run(base: Path, tmp_path: Path) -> None:
    settings: PpoSettings = practice(tmp_path, base)
    with pytest.raises(TrainError, match="name a reward model's folder"):
        ppo(settings)
