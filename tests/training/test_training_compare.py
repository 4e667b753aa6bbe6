"""Two models beside one another: how far apart, what is shown, and the whole of it."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from training_talk import ask, sourced, talk
from typer.testing import CliRunner

from rostra.errors import ConfigError
from rostra.places import Person, Place
from rostra.verdicts import Decision, Passage, Verdict
from rostra_models.training.errors import TrainError
from rostra_models.training.evaluation import moderating
from rostra_models.training.evaluation.cli import app
from rostra_models.training.evaluation.compare import (
    ANSWERS,
    SAMPLES,
    CompareSettings,
    compare,
    waited,
)
from rostra_models.training.evaluation.divergence import Asked, Policy, divergences, kl_of
from rostra_models.training.evaluation.refusing import refuses
from rostra_models.training.evaluation.report import Evaluation, cell, fenced, table
from rostra_models.training.evaluation.side_by_side import Couple, side_by_side
from rostra_models.training.intervals import Interval
from rostra_models.training.starting import model_in


def test_kl_is_that_of_the_distributions_and_what_cannot_be_said_adds_nothing() -> None:
    library: Any = torch
    p, q = torch.tensor([0.5, 0.25, 0.25, 0.0]), torch.tensor([0.25, 0.5, 0.125, 0.125])
    expected = float((p[:3] * (p[:3] / q[:3]).log()).sum())
    assert float(kl_of(library.log(p), library.log(q))) == pytest.approx(expected)


def test_an_answers_kl_is_the_sum_over_what_was_chosen_the_end_included(base: Path, other: Path) -> None:
    models = [model_in(one).eval() for one in (base, other)]
    asked = [
        Asked(prompt=(5, 6, 7), answer=(40, 41), ended=True),
        Asked(prompt=(5,), answer=(50,) * 9, ended=False),
        Asked(prompt=(9, 9), answer=(), ended=True),
    ]
    with torch.no_grad():
        found = divergences(
            Policy(models[0]), Policy(models[1]), [(one, one) for one in asked], temperature=0.7, tokens=20
        )
        for value, one in zip(found, asked, strict=True):
            ids = torch.tensor([one.prompt + one.answer])
            ours, theirs = (
                (model(input_ids=ids).logits[0] / 0.7)[len(one.prompt) - 1 :][: one.choices]
                for model in models
            )
            assert value == pytest.approx(float(kl_of(ours, theirs).sum()), rel=1e-3)
        same = Policy(models[0])
        assert divergences(same, same, [(asked[0], asked[0])], temperature=0.7, tokens=20) == [0.0]


@pytest.mark.parametrize(
    "answer",
    ["I'm sorry, but I can\u2019t do that.", "As an AI language model, I like tea.", "  I cannot\nhelp."],
)
def test_a_refusal_is_known_by_its_beginning(answer: str) -> None:
    assert refuses(answer)


@pytest.mark.parametrize("answer", ["", "Sure!", "Paris. " * 40 + "I cannot say more.", "You can't miss it."])
def test_other_answers_are_no_refusals(answer: str) -> None:
    assert not refuses(answer)


def test_blind_samples_tell_whose_is_whose_only_at_the_end() -> None:
    couples = [Couple(said=ask(f"q{at}"), a=f"ours{at}", b=f"theirs{at}") for at in range(20)]
    text = side_by_side(couples, ("A, sft", "B, ppo"), blind=True, seed=3)
    body, _, key = text.partition("## Key")
    assert "sft" not in body
    orders: list[bool] = []
    for at, row in enumerate(key.strip().splitlines()[2:]):
        part = body.split(f"## {at + 1}\n")[1]
        swapped = part.index(f"theirs{at}") < part.index(f"ours{at}")
        assert row == f"| {at + 1} | {'B, ppo | A, sft' if swapped else 'A, sft | B, ppo'} |"
        orders.append(swapped)
    assert 3 <= sum(orders) <= 17
    assert text == side_by_side(couples, ("A, sft", "B, ppo"), blind=True, seed=3)
    assert "## Key" not in side_by_side(couples, ("A, sft", "B, ppo"), blind=False, seed=3)


def test_what_a_model_writes_stays_in_its_block_and_its_cell() -> None:
    assert fenced("x\n````\n# y").startswith("`````text\n")
    assert table(("a|b",), [["<b>\n|"]]).splitlines() == ["| a\\|b |", "| --- |", "| &lt;b> \\| |"]
    assert cell(Interval(mean=0.5, low=-math.inf, high=math.inf)) == "0.500 [?, ?]"


def test_what_is_no_number_is_null_in_json() -> None:
    done = Evaluation(what="x", folder=Path("o"), figures={"a": math.inf, "b": {"c": math.nan, "d": 1.0}})
    assert done.row() == {"eval": "x", "out": "o", "a": None, "b": {"c": None, "d": 1.0}}


async def test_work_is_waited_for_where_a_loop_runs_already() -> None:
    assert waited(asyncio.sleep(0, "done")) == "done"


class Slow:
    """A moderation that does not come to a verdict the first time it is asked, and blocks what has ``bad`` in it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def judge(self, passage: Passage) -> Verdict:
        self.asked.append(passage.text)
        if len(self.asked) == 1 or passage.text == "odd":
            return Verdict(decision=Decision.BLOCK, source="slow", kind="timeout")
        bad = "bad" in passage.text
        return Verdict(decision=Decision.BLOCK if bad else Decision.ALLOW, source="slow")


async def test_an_answer_that_was_not_judged_is_judged_once_more_and_is_no_blocked_one() -> None:
    moderation: Any = Slow()
    place, nobody = Place(adapter="x", channel="y"), Person(id="")
    given = ["fine", "bad", "odd"]
    passages = [Passage(text=one, direction="answer", place=place, author=nobody) for one in given]
    found = [moderating.moderated(one) for one in await moderating.verdicts_on(moderation, passages)]
    assert moderation.asked == ["fine", "bad", "odd", "fine", "odd"]
    assert [one.blocked for one in found] == [0.0, 1.0, 0.0]
    assert [one.unjudged for one in found] == [0.0, 0.0, 1.0]


@pytest.fixture
def settings(base: Path, other: Path, likes_a: Path, tmp_path: Path) -> CompareSettings:
    (tmp_path / "questions.txt").write_text(
        "What is love?\nHow are you?\nHow are you?\nWhy?\n", encoding="utf-8"
    )
    (tmp_path / "rostra.toml").write_text(
        f'data = "{tmp_path / "data"}"\n[models.first]\nkind = "canned"\notherwise = "A"\n'
        '[models.talks]\nkind = "canned"\n[moderators.rules]\nkind = "rules"\n',
        encoding="utf-8",
    )
    return CompareSettings(
        a=base,
        b=other,
        data=tmp_path / "questions.txt",
        out=tmp_path / "out",
        answers=2,
        max_tokens=6,
        window=64,
        rewards={"mine": likes_a},
        moderation=False,
        plot=False,
        device="cpu",
        config=tmp_path / "rostra.toml",
    )


@pytest.mark.slow
def test_a_model_is_neither_better_nor_worse_than_itself(settings: CompareSettings) -> None:
    done = compare(settings.model_copy(update={"b": settings.a}))
    found: Any = done.figures
    assert found["questions"] == 3
    assert (found["win_rate_mine"], found["kl"], found["same"], found["gain_mine"]) == (0.5, 0.0, 1.0, 0.0)
    assert found["win_rate_mine_low"] < 0.5 < found["win_rate_mine_high"]


@pytest.mark.slow
def test_two_models_are_compared_by_all_that_is_configured(settings: CompareSettings) -> None:
    whole = settings.model_copy(update={"judge": "first", "moderation": True, "plot": True})
    done = compare(whole)
    found: Any = done.figures
    assert found["kl"] > 0
    assert found["kl_low"] < found["kl"] < found["kl_high"]
    assert 0 <= found["win_rate_mine"] <= 1
    # A judge that always prefers what it reads first has no opinion.
    assert (found["win_rate_judge"], found["judge_agreed"], found["judge_first"]) == (0.5, 0.0, 1.0)
    assert found["blocked_a"] == found["unjudged_b"] == 0.0
    rows = [json.loads(line) for line in (done.folder / ANSWERS).read_text("utf-8").splitlines()]
    given = [one["rewards"]["mine"] for row in rows for one in row["b"]]
    assert found["reward_mine_b"] == pytest.approx(np.mean(given))
    assert found["tokens_b"] == pytest.approx(np.mean([one["tokens"] for row in rows for one in row["b"]]))
    report = (done.folder / "report.md").read_text("utf-8")
    for name in ("wins.png", "lengths.png", "kl.png"):
        assert f"({name})" in report
        assert (done.folder / name).read_bytes().startswith(b"\x89PNG")
    assert "## Key" in (done.folder / SAMPLES).read_text("utf-8")


@pytest.mark.slow
def test_greedy_answers_have_no_kl_and_a_judge_must_be_configured(settings: CompareSettings) -> None:
    done = compare(settings.model_copy(update={"temperature": 0.0, "judge": "talks", "answers": 1}))
    assert "kl" not in done.figures
    assert done.figures["judge_unreadable"] == 1.0
    with pytest.raises(TrainError, match=r"'nowhere': there is no config.json"):
        compare(settings.model_copy(update={"rewards": {"mine": Path("nowhere")}}))
    with pytest.raises(ConfigError, match="the configuration has the models first, talks"):
        compare(settings.model_copy(update={"judge": "nobody", "kl": False}))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["judge", "a b", "A", ""])
def test_a_name_that_figures_cannot_have_is_refused(settings: CompareSettings, name: str) -> None:
    with pytest.raises(ValidationError):
        CompareSettings(
            a=settings.a, b=settings.b, data=settings.data, out=settings.out, rewards={name: settings.a}
        )


@pytest.mark.slow
def test_the_commands_print_one_object(
    base: Path, likes_a: Path, settings: CompareSettings, tmp_path: Path
) -> None:
    runs: dict[str, dict[str, object]] = {
        "perplexity": {"model": base, "data": talk(tmp_path, 4), "out": tmp_path / "p", "window": 128},
        "reward": {"model": likes_a, "data": sourced(tmp_path / "data"), "out": tmp_path / "r", "plot": "false"},
        "compare": {
            "a": base, "b": base, "data": settings.data, "out": tmp_path / "c", "max_tokens": 3, "window": 64,
            "moderation": "false", "plot": "false", "rewards.mine": likes_a,
        },
    }  # fmt: skip
    for name, given in runs.items():
        options = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
        done = CliRunner().invoke(
            app, [name, *options, "--json", *(["--samples"] if name == "compare" else [])]
        )
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout.splitlines()[-1])["eval"] == name
        plain = CliRunner().invoke(app, [name, *options])
        assert plain.stdout.splitlines()[-1].startswith("the report is ")
