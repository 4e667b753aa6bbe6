"""Several processes train as one does: the same losses, the same weights, checkpoints that the other takes."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from training_pair import copied, run
from training_practice import questions
from training_talk import rankings, talk
from training_texts import loaded, text_file

from rostra_models.testing import tiny_llama
from rostra_models.testing_reward import tiny_reward
from rostra_models.training.journal import rows
from rostra_models.training.ppo import PpoSettings, ppo
from rostra_models.training.pretrain import PretrainSettings, pretrain
from rostra_models.training.reward import RewardSettings, reward
from rostra_models.training.sft import SftSettings, sft

LOOP: dict[str, Any] = {
    "steps": 4,
    "learning_rate": 0.01,
    "log_every": 1,
    "save_every": 2,
    "device": "cpu",
    "threads": 1,
    "tensorboard": False,
    "plot": False,
}
HEADS = {
    "pretrain": "AutoModelForCausalLM",
    "sft": "AutoModelForCausalLM",
    "reward": "AutoModelForSequenceClassification",
    "ppo": "AutoModelForCausalLM",
}
MADE = {
    "pretrain": ("ddp", "fsdp", "resumed"),
    "sft": ("ddp", "fsdp"),
    "reward": ("fsdp",),
    "ppo": ("ddp",),
}
WAYS = [(stage, way) for stage, ways in MADE.items() for way in ways]


def asked(folder: Path, base: Path) -> dict[str, dict[str, Any]]:
    """The stages. Three micro-batches of a step do not come out even between two processes, nor do 25 rows."""
    return {
        "pretrain": {
            "data": str(text_file(folder, 100)),
            "tokenizer": "char",
            "context": 16,
            "rows": 3,
            "micro_batches": 3,
            "overlap_limit": 1.0,
            "shape": {"layers": 2, "width": 16, "heads": 2, "inner": 25},
            "loop": {**LOOP, "optimiser": "muon", "weight_decay": 0.1},
        },
        "sft": {
            "data": str(talk(folder, 24)),
            "model": str(base),
            "validation_share": 0.3,
            "batch": 6,
            "window": 128,
            "micro_tokens": 120,
            "lora_rank": 2,
            "loop": LOOP,
        },
        "reward": {
            "data": str(rankings(folder / "pairs.jsonl", 24)),
            "format": "trl",
            "model": str(base),
            "batch": 4,
            "micro_tokens": 400,
            "loop": LOOP,
        },
        "ppo": {
            "data": str(questions(folder)),
            "model": str(base),
            "reward": str(tiny_reward(folder / "judge", seed=1)),
            "rounds": 2,
            "batch": 7,
            "epochs": 2,
            "answer_tokens": 8,
            "micro_tokens": 60,
            "validation_share": 0.3,
            "unfinished": None,
            "loop": {name: LOOP[name] for name in LOOP.keys() - {"steps", "save_every"}},
        },
    }


def losses(out: Path) -> list[Mapping[str, float]]:
    names = ("loss", "gradient_norm", "validation_loss", "train_accuracy", "reward", "length", "kl")
    return [{name: row[name] for name in names if name in row} for row in rows(out / "metrics.jsonl")]


def trained(folder: Path) -> Mapping[str, Any]:
    """Train each stage with one process, and with two in both ways. Return how these ended."""
    stages = asked(folder, tiny_llama(folder / "base"))
    pretrain(PretrainSettings(**stages["pretrain"], out=folder / "pretrain-alone"))
    sft(SftSettings(**stages["sft"], out=folder / "sft-alone"))
    reward(RewardSettings(**stages["reward"], out=folder / "reward-alone"))
    ppo(PpoSettings(**stages["ppo"], out=folder / "ppo-alone"))
    copied(folder / "pretrain-alone", folder / "pretrain-resumed", without="step-00000004")
    for stage, settings in stages.items():
        for way in MADE[stage]:
            out = str(folder / f"{stage}-{way}")
            loop = {**settings["loop"], "parallel": "fsdp" if way == "resumed" else way}
            told = {**settings, "stage": stage, "out": out, "loop": loop}
            (folder / f"{stage}-{way}.settings.json").write_text(json.dumps(told), encoding="utf-8")
    return run(folder)


def same(one: Path, other: Path, kind: str) -> None:
    ours, theirs = (loaded(folder / "model", kind).state_dict() for folder in (one, other))
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        torch.testing.assert_close(weight, theirs[name], rtol=1e-3, atol=2e-5)


def check(folder: Path, stage: str, way: str) -> None:
    alone, both = folder / f"{stage}-alone", folder / f"{stage}-{way}"
    ours, theirs = losses(alone), losses(both)
    assert len(ours) == len(theirs), (stage, way)
    for one, other in zip(ours, theirs, strict=True):
        # PPO's KL is a difference of two sums over few tokens
        assert other == pytest.approx(one, rel=1e-3 if stage == "ppo" else 1e-4, abs=1e-6), (stage, way)
    same(alone, both, HEADS[stage])


def go_on_alone(folder: Path, way: str) -> None:
    """Take a checkpoint of two processes to the end with one."""
    out = folder / f"{way}-alone"
    copied(folder / f"pretrain-{way}", out, without="step-00000004")
    settings: dict[str, Any] = json.loads((folder / f"pretrain-{way}.settings.json").read_bytes())
    del settings["stage"]
    pretrain(PretrainSettings.model_validate({**settings, "out": out}), resume=True)
    same(folder / "pretrain-alone", out, HEADS["pretrain"])


@pytest.mark.slow
@pytest.mark.timeout(300)  # it starts processes that import everything, on a machine where much else may run
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    ended = trained(tmp_path)
    assert ended["stages"] == {"statuses": [0, 0], "said": ["", ""]}
    for stage, way in WAYS:  # "resumed" went on with a checkpoint of one process
        check(tmp_path, stage, way)
    for way in ("ddp", "fsdp"):
        go_on_alone(tmp_path, way)
    # Of two processes that were at work the second was killed.
    assert ended["killed"]["statuses"] == [1, -signal.SIGKILL]
    assert "process 0 of 2 lost another one" in ended["killed"]["said"][0]
    assert "--resume goes on" in ended["killed"]["said"][0]
