from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from training_talk import rankings
from typer.testing import CliRunner

from rostra.chat import Utterance
from rostra_models.training.best_of import (
    CURVE,
    DATA,
    RANKED,
    BestOfSettings,
    Scored,
    best_of,
    curve,
    divergence,
    expected_best,
)
from rostra_models.training.chat_rows import conversations
from rostra_models.training.cli import app
from rostra_models.training.drawing import Drawing, Drawn, drawn
from rostra_models.training.errors import TrainError
from rostra_models.training.passes import PassesLoop
from rostra_models.training.questions import asked
from rostra_models.training.ranked import ranked
from rostra_models.training.reward import RewardSettings, reward, scores


@pytest.fixture(scope="module")
def judge(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reward")
    loop = PassesLoop(steps=2, learning_rate=0.01, tensorboard=False, plot=False, device="cpu")
    run = reward(
        RewardSettings(
            data=rankings(folder / "pairs.jsonl", 8),
            format="trl",
            model=base,
            out=folder / "run",
            window=128,
            loop=loop,
        )
    )
    return run.model


@pytest.fixture
def settings(base: Path, judge: Path, tmp_path: Path) -> BestOfSettings:
    questions = tmp_path / "questions.jsonl"
    rows = [{"question": f"What is {word}?"} for word in ("love", "war", "peace", "love")]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return BestOfSettings(
        data=questions,
        model=base,
        reward=judge,
        out=tmp_path / "best",
        n=4,
        max_tokens=6,
        window=128,
        plot=False,
    )


def asks(text: str) -> tuple[Utterance, ...]:
    return (Utterance(role="user", text=text),)


def scored(*rewards: float, checked: tuple[float, ...] = ()) -> Scored:
    answers = tuple(Drawn(tokens=(1,), text=f"{one}", ended=True) for one in rewards)
    return Scored(said=asks("?"), answers=answers, rewards=rewards, checked=checked)


def test_the_best_of_n_is_the_mean_over_all_ways_to_draw_n() -> None:
    values = np.array([3.0, 1.0, 4.0, 1.5, 9.0])
    for n in range(1, 6):
        every = [max(chosen) for chosen in itertools.combinations(values.tolist(), n)]
        assert expected_best(values, values, n) == pytest.approx(sum(every) / len(every))
    with pytest.raises(ValueError, match="must be 1 to 5"):
        expected_best(values, values, 6)


def test_what_another_judge_gives_the_chosen_is_the_mean_over_what_the_first_would_choose() -> None:
    by, values = np.array([1.0, 3.0, 2.0]), np.array([5.0, 7.0, -6.0])
    chosen = [values[max(pair, key=lambda at: by[at])] for pair in itertools.combinations(range(3), 2)]
    assert expected_best(values, by, 2) == pytest.approx(np.mean(chosen))


def test_one_answer_is_no_step_away_and_two_are_log_two_less_a_half() -> None:
    assert divergence(1) == 0
    assert divergence(2) == pytest.approx(math.log(2) - 0.5)


def test_the_curve_has_powers_of_two_and_all_that_were_drawn() -> None:
    found = curve([scored(*range(6)), scored(*range(1, 7), checked=(0.0,) * 6)])
    assert [one.n for one in found] == [1, 2, 4, 6]
    assert [found[0].reward.mean, found[-1].reward.mean] == [3.0, 5.5]
    assert found[0].reward.low < 3.0 < found[0].reward.high
    assert found[-1].checked
    assert found[-1].checked.mean == 0.0


def test_answers_depend_on_the_seed_and_not_on_who_else_is_asked(base: Path) -> None:
    how = Drawing(n=2, max_tokens=5, window=64)
    alone, together = drawn(base, [asks("a")], how), drawn(base, [asks("a"), asks("bb")], how)
    assert alone[0] == together[0]
    assert [len(one) for one in together] == [2, 2]
    assert drawn(base, [asks("a")], Drawing(n=2, max_tokens=5, window=64, seed=1))[0] != alone[0]
    assert drawn(base, [asks("a" * 100)], how) == [[]]


@pytest.mark.slow
def test_the_best_answers_are_data_to_fine_tune_on(settings: BestOfSettings) -> None:
    run = best_of(settings)
    lost: Counter[str] = Counter()
    found = list(conversations([settings.out / DATA], lost))
    assert not lost
    assert [one[0].text for one in found] == ["What is love?", "What is war?", "What is peace?"]
    rows = [json.loads(line) for line in (settings.out / "drawn.jsonl").read_text("utf-8").splitlines()]
    for said, row in zip(found, rows, strict=True):
        texts, rewards = zip(*((one["text"], one["reward"]) for one in row["answers"]), strict=True)
        assert said[-1].text == texts[rewards.index(max(rewards))]
        assert scores(settings.reward, said[0].text, texts) == pytest.approx(rewards, abs=1e-4)
    assert run.facts["reward_1"] <= run.facts["reward_2"] <= run.facts["reward_4"]
    assert run.facts["kl_4"] == pytest.approx(math.log(4) - 0.75)
    assert run.facts["questions"] == 3
    assert run.model == settings.model


@pytest.mark.slow
def test_all_answers_by_reward_are_rankings_that_a_reward_model_reads(settings: BestOfSettings) -> None:
    best_of(settings.model_copy(update={"write": "ranked", "questions": 2, "check": settings.reward}))
    found = ranked(settings.out / RANKED, Counter())
    assert len(found) == 2
    assert found[0].source == "best-of run"
    given = scores(settings.reward, found[0].said[0].text, found[0].answers)
    for pair in found[0].compared:
        assert given[pair.first] >= given[pair.second] - 1e-4 or pair.target < 1
    assert len(found[0].compared) == math.comb(len(found[0].answers), 2)


@pytest.mark.slow
def test_judgments_ask_what_was_asked_and_not_their_number(settings: BestOfSettings) -> None:
    best_of(settings.model_copy(update={"write": "ranked"}))
    found = list(asked(settings.out / RANKED, Counter()))
    assert [one[-1].text for one in found] == ["What is love?", "What is war?", "What is peace?"]


@pytest.mark.slow
def test_the_best_of_command_draws_its_curve(settings: BestOfSettings) -> None:
    given = {"data": settings.data, "model": settings.model, "reward": settings.reward, "check": settings.reward,
             "out": settings.out, "n": 2, "max_tokens": 4, "window": 128}  # fmt: skip
    options = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    done = CliRunner().invoke(app, ["best-of", *options, "--json"])
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout.splitlines()[-1])
    assert row["checked_2"] == pytest.approx(row["reward_2"])
    assert (settings.out / CURVE).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_questions_without_room_are_an_error_where_they_are_all(settings: BestOfSettings) -> None:
    with pytest.raises(TrainError, match="fits into 16 tokens"):
        best_of(settings.model_copy(update={"window": 16}))
