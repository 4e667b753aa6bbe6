"""What tests of pre-training share: little texts, little models, a recipe whose loss is plain arithmetic."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.nn import Linear, Module

from rostra_models.training.pretrain import PretrainSettings
from rostra_models.training.recipe import Loss, Recipe
from rostra_models.training.settings import LoopSettings
from rostra_models.training.shapes import ShapeSettings

WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "saw", "two", "red", "birds", "fly", "home")
SHAPE = ShapeSettings(layers=2, width=16, heads=2, inner=24)


def lines(count: int, seed: int = 0) -> str:
    drawn = random.Random(seed)
    return "".join(" ".join(drawn.choices(WORDS, k=6)) + ".\n" for _ in range(count))


def text_file(folder: Path, count: int = 300, seed: int = 0) -> Path:
    file = folder / "text.txt"
    file.write_text(lines(count, seed), encoding="utf-8")
    return file


def pretraining(folder: Path, data: Path, **loop: Any) -> PretrainSettings:
    given: dict[str, Any] = {"steps": 8, "learning_rate": 3e-3, "log_every": 1, "plot": False, **loop}
    return PretrainSettings(
        data=data,
        out=folder / "run",
        tokenizer="char",
        context=16,
        rows=4,
        overlap_limit=1.0,
        shape=SHAPE,
        loop=LoopSettings(**given),
    )


def line_fit(batches: Sequence[Sequence[tuple[Tensor, Tensor]]]) -> Recipe[tuple[Tensor, Tensor]]:
    """A recipe that fits ``y`` to ``x`` by least squares; a step's batches are those of its number, over and over."""

    def loss(model: Module, batch: tuple[Tensor, Tensor]) -> Loss:
        x, y = batch
        return Loss(total=(model(x) - y).square().sum(), count=float(len(x)), facts={"seen": float(len(x))})

    def save(model: Module, folder: Path) -> None:
        torch.save(model.state_dict(), folder / "weights.pt")

    def load(model: Module, folder: Path) -> None:
        model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))

    return Recipe(batches=lambda step: batches[step % len(batches)], loss=loss, save=save, load=load)


def line_model() -> Linear:
    library: Any = torch
    library.manual_seed(0)
    return Linear(3, 2, dtype=torch.float64)


def points(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, generator=drawn, dtype=torch.float64)
    return x, torch.randn(count, 2, generator=drawn, dtype=torch.float64)


def loaded(folder: Path, kind: str = "AutoModelForCausalLM") -> Any:
    """What plain transformers makes of a folder."""
    library: Any = transformers
    return getattr(library, kind).from_pretrained(folder)


def same_weights(one: Module, other: Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
