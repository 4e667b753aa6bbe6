"""The loop: how batches are cut changes nothing, what is no number is left out, and a run that was stopped goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Module
from training_texts import (
    SHAPE,
    line_fit,
    line_model,
    loaded,
    points,
    pretraining,
    same_weights,
    text_file,
)

from rostra_models.training import checkpoint
from rostra_models.training.errors import Diverged, NotResumable, TrainError
from rostra_models.training.journal import rows
from rostra_models.training.loop import Means, train
from rostra_models.training.optimiser import share
from rostra_models.training.pretrain import pretrain
from rostra_models.training.recipe import Loss, Recipe
from rostra_models.training.resuming import begun_with
from rostra_models.training.settings import LoopSettings


def settings(**given: Any) -> LoopSettings:
    usual: dict[str, Any] = {
        "steps": 6,
        "learning_rate": 0.05,
        "log_every": 1,
        "tensorboard": False,
        "plot": False,
    }
    return LoopSettings(**{**usual, **given})


def test_eight_batches_of_one_are_one_batch_of_eight(tmp_path: Path) -> None:
    x, y = points(8)
    once, eight = line_model(), line_model()
    train(once, line_fit([[(x, y)]]), settings(), out=tmp_path / "once", stage="fit")
    singles = [(x[at : at + 1], y[at : at + 1]) for at in range(8)]
    train(eight, line_fit([singles]), settings(), out=tmp_path / "eight", stage="fit")
    for name, one in once.state_dict().items():
        torch.testing.assert_close(one, eight.state_dict()[name], rtol=0, atol=1e-12)
    ours, theirs = rows(tmp_path / "once" / "metrics.jsonl"), rows(tmp_path / "eight" / "metrics.jsonl")
    assert [row["loss"] for row in ours] == pytest.approx([row["loss"] for row in theirs])
    assert [row["seen"] for row in theirs] == [1.0] * 6  # facts are means over what counts


def test_parts_of_other_sizes_count_by_what_is_in_them(tmp_path: Path) -> None:
    x, y = points(8)
    once, cut = line_model(), line_model()
    train(once, line_fit([[(x, y)]]), settings(), out=tmp_path / "once", stage="fit")
    train(cut, line_fit([[(x[:7], y[:7]), (x[7:], y[7:])]]), settings(), out=tmp_path / "cut", stage="fit")
    for name, one in once.state_dict().items():
        torch.testing.assert_close(one, cut.state_dict()[name], rtol=0, atol=1e-12)


def test_a_step_without_a_number_is_left_out_and_told_of(tmp_path: Path) -> None:
    x, y = points(4)
    recipe = line_fit([[(x, y)], [(x * float("nan"), y)]])
    model = line_model()
    train(model, recipe, settings(), out=tmp_path, stage="fit")
    told = rows(tmp_path / "metrics.jsonl")
    assert [row["left_out"] for row in told] == [0.0, 1.0] * 3
    assert told[1]["loss"] is None
    assert all(bool(one.isfinite().all()) for one in model.state_dict().values())


def test_a_run_without_numbers_ends_and_says_what_to_change(tmp_path: Path) -> None:
    x, y = points(4)
    recipe = line_fit([[(x * float("nan"), y)]])
    with pytest.raises(Diverged, match=r"at step 3, after 3 steps .* lower learning rate"):
        train(line_model(), recipe, settings(bad_steps=3), out=tmp_path, stage="fit")


def test_a_spike_is_left_out_once_it_is_known_what_is_usual(tmp_path: Path) -> None:
    x, y = points(4)
    steps = [[(x, y)] for _ in range(30)]
    steps[25] = [(x, y + 1000)]
    train(line_model(), line_fit(steps), settings(steps=30, spike_factor=5.0), out=tmp_path, stage="fit")
    assert [row["step"] for row in rows(tmp_path / "metrics.jsonl") if row["left_out"]] == [26]


def test_a_recipe_can_end_a_run(tmp_path: Path) -> None:
    heard: list[float] = []

    def after(step: int, means: Mapping[str, float]) -> bool:
        heard.append(means["loss"])
        return step < 2

    recipe = replace(line_fit([[points(4)]]), after=after)
    run = train(line_model(), recipe, settings(), out=tmp_path, stage="fit")
    assert run.steps == len(heard) == 3
    assert (run.model / "weights.pt").is_file()


def test_memory_that_runs_out_comes_with_advice(tmp_path: Path) -> None:
    def loss(_model: Module, _batch: object) -> Loss:
        raise torch.OutOfMemoryError("CUDA out of memory")

    recipe = replace(line_fit([[points(4)]]), loss=loss)
    with pytest.raises(TrainError, match="halve the rows of a micro-batch"):
        train(line_model(), recipe, settings(), out=tmp_path, stage="fit")


@pytest.mark.parametrize(
    ("decay", "decay_share", "expected"),
    [
        ("linear", 1.0, [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]),
        ("linear", 0.5, [0.5, 1.0, 1.0, 1.0, 1.0, 0.5]),
        ("cosine", 1.0, [0.5, 1.0, 1.0, 0.8535534, 0.5, 0.1464466]),
        ("constant", 1.0, [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_learning_rate_rises_stays_and_falls(
    decay: str, decay_share: float, expected: list[float]
) -> None:
    asked = settings(decay=decay, decay_share=decay_share, warmup_steps=2)
    assert [share(step, asked) for step in range(6)] == pytest.approx(expected)


def test_what_a_recipe_remembers_goes_on_with_it(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def remembering(heard: list[float], stop: int = -1) -> Recipe[tuple[Tensor, Tensor]]:
        def after(step: int, means: Mapping[str, float]) -> bool:
            if step == stop:
                raise Stopped
            heard.append(means["loss"])
            return True

        def restore(state: Mapping[str, Any]) -> None:
            heard[:] = state["heard"]

        steps = [[points(4, seed)] for seed in range(6)]
        return replace(line_fit(steps), after=after, state=lambda: {"heard": list(heard)}, restore=restore)

    whole, stopped, gone_on = list[float](), list[float](), list[float]()
    model, other = line_model(), line_model()
    train(model, remembering(whole), settings(save_every=2), out=tmp_path / "whole", stage="fit")
    where = tmp_path / "stopped"
    with pytest.raises(Stopped):
        train(line_model(), remembering(stopped, stop=3), settings(save_every=2), out=where, stage="fit")
    train(other, remembering(gone_on), settings(save_every=2), out=where, stage="fit", resume=True)
    assert gone_on == whole  # what was heard after the checkpoint was heard again, and nothing twice
    assert same_weights(model, other)


@pytest.mark.slow
def test_a_resumed_run_is_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    data = text_file(tmp_path)
    whole = pretraining(tmp_path / "whole", data, save_every=3, evaluate_every=4, optimiser="muon")
    pretrain(whole)
    stopped = pretraining(tmp_path / "stopped", data, save_every=3, evaluate_every=4, optimiser="muon")

    def stop(line: str) -> None:
        if line.startswith("step 4:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(stopped, means=Means(say=stop))
    said: list[str] = []
    run = pretrain(stopped, resume=True, means=Means(say=said.append))
    assert "goes on after step 3" in said
    assert same_weights(loaded(run.model), loaded(whole.out / "model"))
    told = [_lasting(folder.out / "metrics.jsonl") for folder in (whole, stopped)]
    assert told[0] == told[1]
    assert sorted(checkpoint.checkpoints(stopped.out)) == [3, 6]


def _lasting(file: Path) -> list[Mapping[str, Any]]:
    return [{key: value for key, value in row.items() if key != "tokens_per_second"} for row in rows(file)]


def test_a_run_is_not_begun_over_another_nor_gone_on_with_other_settings(tmp_path: Path) -> None:
    recipe = line_fit([[points(4)]])
    train(line_model(), recipe, settings(save_every=2), out=tmp_path, stage="fit")
    with pytest.raises(TrainError, match="--resume goes on with it"):
        train(line_model(), recipe, settings(save_every=2), out=tmp_path, stage="fit")
    with pytest.raises(NotResumable, match=r"another 'learning_rate': 0\.05, not 0\.1"):
        train(line_model(), recipe, settings(learning_rate=0.1), out=tmp_path, stage="fit", resume=True)


def test_a_run_does_not_go_on_with_other_data_or_another_model(tmp_path: Path) -> None:
    def asked(**given: Any) -> dict[str, Any]:
        found = pretraining(tmp_path, tmp_path / "text.txt").model_copy(update=given)
        return dict(begun_with(found, "rows"))

    text_file(tmp_path)
    recipe = replace(line_fit([[points(4)]]), settings=asked())
    out = tmp_path / "fit"
    train(line_model(), recipe, settings(save_every=2), out=out, stage="fit")
    for name, value in {"context": 32, "shape": SHAPE.model_copy(update={"layers": 3})}.items():
        other = replace(recipe, settings=asked(**{name: value}))
        with pytest.raises(NotResumable, match=f"another '{name}'"):
            train(line_model(), other, settings(save_every=2), out=out, stage="fit", resume=True)
    moved = tmp_path / "elsewhere" / "text.txt"
    moved.parent.mkdir()
    moved.write_bytes((tmp_path / "text.txt").read_bytes())
    same = replace(
        recipe, settings=asked(rows=2, data=moved, out=tmp_path / "x")
    )  # what is learnt is what it was
    train(line_model(), same, settings(save_every=3), out=out, stage="fit", resume=True)
    text_file(tmp_path, seed=1)
    with pytest.raises(NotResumable, match=r"another 'data': 'text\.txt \(\w+\)', not 'text\.txt \(\w+\)'"):
        train(line_model(), replace(recipe, settings=asked()), settings(), out=out, stage="fit", resume=True)


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    recipe = line_fit([[points(4)]])
    train(line_model(), recipe, settings(save_every=1, keep=2), out=tmp_path, stage="fit")
    assert sorted(one.name for one in (tmp_path / "checkpoints").iterdir()) == [
        "step-00000005",
        "step-00000006",
    ]


KILLED = """
import os, signal, sys
from pathlib import Path
from rostra_models.training import checkpoint

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def work(out, when):
    def save(folder):
        (folder / "weights").write_text("second")
        if when == "model":
            die()
    def half(_state, file):
        file.write_bytes(b"PK")
        die()
    checkpoint.write(out, 1, lambda folder: (folder / "weights").write_text("first") and None, {"step": 1})
    checkpoint.torch.save = half if when == "state" else checkpoint.torch.save
    checkpoint._sync = die if when == "sync" else checkpoint._sync
    checkpoint.write(out, 2, save, {"step": 2})
    checkpoint.shutil.rmtree = die if when == "prune" else checkpoint.shutil.rmtree
    checkpoint.prune(out, 1)

for when in sys.argv[2:]:
    child = os.fork()
    if not child:
        work(Path(sys.argv[1], when), when)
        os._exit(0)
    print(when, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
KEPT = {"model": 1, "state": 1, "sync": 1, "prune": 2, "never": 2}
"""The last good checkpoint by the moment at which its writer is killed."""


@pytest.mark.slow
def test_a_kill_while_a_checkpoint_is_written_leaves_the_last_good_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), *KEPT]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    killed = {line.split()[0] for line in said.splitlines() if line.endswith(f" {-signal.SIGKILL}")}
    assert killed == set(KEPT) - {"never"}
    for when, kept in KEPT.items():
        there = checkpoint.checkpoints(tmp_path / when)
        assert sorted(there) == [kept], when
        assert checkpoint.read(there[kept]) == {"step": kept}
        assert (there[kept] / "weights").read_text() == ("first" if kept == 1 else "second")
        checkpoint.prune(tmp_path / when, 1)
        assert [one.name for one in (tmp_path / when / "checkpoints").iterdir()] == [f"step-{kept:08}"]


def test_what_a_checkpoint_holds_cannot_run(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "step-00000001"
    folder.mkdir(parents=True)
    torch.save(
        {"step": Path("x")}, folder / "state.pt"
    )  # anything but plain values is a call when it is read
    with pytest.raises(NotResumable, match="cannot be read"):
        checkpoint.read(folder)
