"""``rostra bench train``: its names are a contract, its arithmetic is right, and no peer is guessed."""

from __future__ import annotations

import json
import sys
from math import log
from pathlib import Path

import pytest

from rostra_models.benches.contenders import Died, Outcome, started
from rostra_models.benches.learners import prepared
from rostra_models.benches.train import STAGES, Measured, Plan, Stage, figures_of, ratios_of, report, written
from rostra_models.benches.train_data import ROOM, WINDOW, full, orders, pairs, talks
from rostra_models.benches.weights import Shape, random_llama
from rostra_models.training.order import examples

TINY = Shape(width=32, inner=64, layers=2, heads=2, kv_heads=1, vocabulary=300)
MIXED = next(one for one in STAGES if one.name == "sft_mixed")


def outcome(made: float, *, wall: float = 1.0, cpu: float = 1.0, peak: float = 1.0) -> Outcome:
    return Outcome(made=made, cpu=cpu, wall=wall, peak_mb=peak)


def paced(then: str) -> list[str | Path]:
    """A process that makes three of something a step, and does ``then`` after it."""
    script = f"""
from rostra_models.benches.lines import Paced
paced = Paced()
paced.wait()
while True:
    print("a library's noise")
    paced.step(3)
    {then}
"""
    return [sys.executable, "-c", script]


def test_every_promised_ratio_is_measured_in_some_stage() -> None:
    promised = {"sft_vs_trl", "sft_mixed_vs_trl", "reward_vs_trl", "pretrain_vs_trainer"}
    assert {one.ratio for one in STAGES} == promised


def test_all_ways_of_a_peer_take_as_many_examples_a_step_as_ours() -> None:
    for stage in STAGES:
        for name, way in {**stage.ways, **stage.apart}.items():
            if way.get("packing"):
                continue
            count = way["per_device_train_batch_size"] * way["gradient_accumulation_steps"]
            assert count == stage.batch * (6 if stage.name == "reward" else 1), (stage.name, name)


def test_a_ratio_is_the_median_over_rounds_of_what_each_side_makes_in_its_time() -> None:
    measured = Measured(way="padded")
    measured.rounds["ours"] = [
        outcome(300, wall=1, cpu=2),
        outcome(300, wall=3, cpu=2),
        outcome(300, wall=1, cpu=2),
    ]
    measured.rounds["peer"] = [
        outcome(100, wall=1, cpu=1),
        outcome(100, wall=1, cpu=1),
        outcome(50, wall=1, cpu=1),
    ]
    measured.rounds["grouped"] = [outcome(200)] * 3
    assert ratios_of(MIXED, measured) == {
        "sft_mixed_vs_trl": 3.0,
        "sft_mixed_vs_trl_processor": 1.5,
        "sft_mixed_vs_trl_grouped": 1.5,
        "sft_mixed_vs_trl_grouped_processor": 0.75,
    }


def test_figures_have_the_memory_of_each_side_and_name_the_way_of_the_peer() -> None:
    measured = Measured(way="packed")
    measured.tried["packed"] = outcome(8, cpu=2)
    measured.rounds["ours"] = [outcome(300, peak=10), outcome(300, peak=30)]
    measured.rounds["peer"] = [outcome(100, peak=20)] * 2
    found = figures_of(MIXED, measured)
    assert found["sft_mixed_ours_peak_mb"] == {"value": 30, "unit": "MB"}
    assert found["sft_mixed_peer_peak_mb"]["value"] == 20
    assert found["sft_mixed_peer_tokens_per_second"] == {"value": 100, "unit": "1/s, packed"}
    assert found["sft_mixed_tried_packed"]["value"] == 4


def test_conversations_are_of_mixed_length_and_the_same_each_time() -> None:
    those = talks(300, 8192)
    lengths = sorted(len(one.ids) for one in those)
    assert those == talks(300, 8192)
    assert lengths[0] < 100
    assert 300 < lengths[150] < 500
    assert lengths[-1] == WINDOW
    for one in those:
        assert len(one.ids) == len(one.wanted)
        assert any(one.wanted[1:])
        assert not one.wanted[0]
    assert {len(one) for one in full(4, 8192)} == {ROOM}


def test_a_ranking_of_four_is_six_pairs_that_begin_with_the_same_question() -> None:
    for one in orders(5, 8192):
        assert len(pairs(one)) == 6
        assert len({tuple(answer[:12]) for answer in one.answers}) == 1
        assert len(set(map(tuple, one.answers))) == 4


def test_a_paced_loop_takes_the_steps_it_is_asked_for_and_no_more() -> None:
    with started("paced", paced("pass")) as process:
        assert process.ask("steps", count=2).made == 6
        assert process.ask("steps", count=5).made == 15


def test_a_paced_loop_that_fails_says_how() -> None:
    with (
        started("paced", paced("raise OSError('no weights')")) as process,
        pytest.raises(Died, match="no weights"),
    ):
        process.ask("steps", count=2)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES, ids=lambda one: one.name)
def test_what_ours_trains_in_a_stage_is_the_recipe_of_that_stage(stage: Stage, tmp_path: Path) -> None:
    folder = random_llama(tmp_path / "tiny", TINY)
    rows = json.loads(written(tmp_path, TINY, 16)[stage.name].read_bytes())
    given = {"precision": "float32", "compile": False, "batch": 3}
    ours = prepared(stage.name, folder, rows, given)
    batches = ours.recipe.batches(0)
    losses = [ours.recipe.loss(ours.model, one) for one in batches]
    mean = sum(float(one.total.detach()) for one in losses) / sum(one.count for one in losses)
    # Nothing is learned yet: all words are as likely, and either of two answers.
    assert mean == pytest.approx(log(2 if stage.name == "reward" else TINY.vocabulary), abs=0.2)
    numbers = examples(len(rows), 3, seed=0, step=0)
    assert ours.made(0) == (3 if stage.name == "reward" else sum(len(rows[at]["ids"]) for at in numbers))


@pytest.mark.slow
def test_it_prints_what_was_promised_and_guesses_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSTRA_BENCH_PYTHON", "/nowhere/python")
    plan = Plan(stages=[MIXED], shape=TINY, rounds=1, warm=1, examples=32, compile=False, threads=1)
    printed = json.loads(json.dumps(report(plan)))
    figures = {name: figure["value"] for name, figure in printed["figures"].items()}
    assert printed["bench"] == "train"
    assert printed["machine"]["cores"] >= 1
    assert printed["ratios"] == {}
    assert printed["missing"] == ["TRL 1.12"]
    assert figures["threads"] == 1
    assert figures["sft_mixed_ours_tokens_per_second"] > 0
    assert figures["sft_mixed_ours_peak_mb"] > 10
