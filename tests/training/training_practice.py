"""What tests of PPO share: tiny settings, and a reward that is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rostra.chat import Utterance
from rostra_models.training.ppo import PpoLoop, PpoSettings

QUIET: dict[str, Any] = {"tensorboard": False, "plot": False, "device": "cpu"}


def likes_a(conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
    """The more ``a`` the better."""
    return [said[-1].text.count("a") / 4 for said in conversations]


def questions(folder: Path) -> Path:
    """Write sixteen questions, and return where they are."""
    folder.mkdir(exist_ok=True, parents=True)
    asked = folder / "asked.txt"
    asked.write_text("\n".join(f"say {one}{other}" for one in "abcd" for other in "efgh"), encoding="utf-8")
    return asked


def practice(folder: Path, base: Path, kind: type[PpoSettings] = PpoSettings, **given: Any) -> PpoSettings:
    """Settings of a run that takes a second; ``loop`` is a dictionary."""
    loop: dict[str, Any] = {"learning_rate": 1e-3, **QUIET, **given.pop("loop", {})}
    plain: dict[str, Any] = {
        "data": questions(folder),
        "model": base,
        "out": folder / "run",
        "rounds": 2,
        "batch": 8,
        "epochs": 3,
        "answer_tokens": 8,
        "validation_share": 0.3,
        "unfinished": None,
        "stop_kl": 0.0,
    }
    return kind(**{**plain, **given}, loop=PpoLoop(**loop))


def told(settings: PpoSettings) -> list[Mapping[str, Any]]:
    """The journal's lines about steps."""
    lines = (settings.out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if "loss" in row]
