"""A run with ``loop.compile`` learns what one without does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from rostra_models.training.journal import rows
from rostra_models.training.passes import PassesLoop
from rostra_models.training.reward import RewardSettings, reward
from rostra_models.training.sft import SftSettings, sft

CLOSE = 1e-3
"""How far losses of the same step may be apart, in nats: float32 in another order, over three steps."""

pytestmark = [
    pytest.mark.skipif(
        not any(shutil.which(name) for name in ("g++", "clang++", "c++")),
        reason="torch compiles for a processor with a C++ compiler, and there is none (g++, clang++ or c++)",
    ),
    # What torch's own code does while it compiles.
    pytest.mark.filterwarnings("ignore:.torch.jit.script.* is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
]


@pytest.fixture
def compiler() -> Generator[Any]:
    """What counts the graphs that were compiled, from none on; nothing compiled is left behind."""
    library: Any = torch
    library.compiler.reset()
    counters: Any = import_module("torch._dynamo.utils").counters
    counters.clear()
    options: Any = import_module("torch._inductor.config")
    # No processes that outlive the test, and no compiling of programs to try the processor's instructions out with.
    with options.patch({"compile_threads": 1, "cpp.vec_isa_ok": True}):
        yield counters
    library.compiler.reset()
    counters.clear()


def pairs(folder: Path) -> Path:
    """Write pairs of answers, all of one length and as long as `talk`: what is compiled is compiled for a batch's shape."""
    file = folder / "pairs.jsonl"
    asked = [f"{letter}{other}" for letter in "abcd" for other in "abcd"]
    told = [{"prompt": one, "chosen": "aabaca" * 10, "rejected": "bbcbdb" * 10} for one in asked]
    file.write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    return file


def talk(folder: Path) -> Path:
    """Write questions with answers, all of one length."""
    file = folder / "talk.jsonl"
    told = [{"question": one["prompt"], "answer": one["chosen"]} for one in rows(pairs(folder))]
    file.write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    return file


def learnt(stage: str, data: Path, model: Path, out: Path, *, compiled: bool) -> list[float]:
    """Train a stage for three steps and return their losses."""
    loop = PassesLoop(
        steps=3,
        learning_rate=0.01,
        log_every=1,
        compile=compiled,
        device="cpu",
        tensorboard=False,
        plot=False,
    )
    common: dict[str, Any] = {"data": data, "model": model, "out": out, "window": 128, "loop": loop}
    if stage == "reward":
        reward(RewardSettings(**common, format="trl", batch=2, validation_share=0.2))
    else:
        sft(SftSettings(**common, batch=4, validation_share=0.2, sample_tokens=1))
    return [row["loss"] for row in rows(out / "metrics.jsonl") if "loss" in row]


@pytest.mark.slow
@pytest.mark.timeout(300)  # where nothing is compiled yet and other work runs beside
@pytest.mark.parametrize("stage", ["reward", "sft"])
def test_a_compiled_run_has_the_losses_of_one_that_is_not(
    stage: str, base: Path, tmp_path: Path, compiler: Any
) -> None:
    data = pairs(tmp_path) if stage == "reward" else talk(tmp_path)
    plain = learnt(stage, data, base, tmp_path / "plain", compiled=False)
    assert not compiler["stats"]["unique_graphs"]
    compiled = learnt(stage, data, base, tmp_path / "compiled", compiled=True)
    assert compiler["stats"]["unique_graphs"]
    assert compiled == pytest.approx(plain, abs=CLOSE)
    assert len(plain) == 3
    assert plain[2] < plain[0]
