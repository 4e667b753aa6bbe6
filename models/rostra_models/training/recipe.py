"""What a stage of training gives the loop: batches, a loss, and how its model is evaluated and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor
from torch.nn import Module

from .folders import load_folder, save_folder

B = TypeVar("B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The loss of a micro-batch: a sum and how much it is a sum over, so that batches can be cut anywhere.

    ``total`` is a scalar in the graph, ``count`` the tokens, rankings or episodes in it, ``facts`` are more sums of
    the same kind; the journal shows each divided by the count of the whole step.
    """

    total: Tensor
    count: float
    facts: Mapping[str, float] = field(default_factory=dict[str, float])


def no_figures(_model: Module) -> Mapping[str, float]:
    """Evaluate nothing."""
    return {}


def no_samples(_model: Module) -> Sequence[str]:
    """Show nothing."""
    return ()


def no_state() -> Mapping[str, Any]:
    """Remember nothing."""
    return {}


def nothing_to_restore(_state: Mapping[str, Any]) -> None:
    """Take back nothing."""


def go_on(_step: int, _means: Mapping[str, float]) -> bool:
    """Never end early."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Generic[B]):
    """One stage. The loop never looks into a micro-batch.

    ``batches``   the micro-batches of a step (from 0): a function of the seed and the step alone. PyTorch's, NumPy's and
                  Python's generators are seeded with both before it is called.
    ``loss``      of one micro-batch, in training mode, under autocast where the settings say bfloat16.
    ``evaluate``  figures by name, ``validation_loss`` among them, in evaluation mode without gradients.
    ``samples``   texts that show what was learned.
    ``save``      write a Hugging Face folder; ``load`` reads the weights back, bit for bit.
    ``state``     what else a step depends on: numbers, strings, tensors. ``restore`` takes it back.
    ``after``     hears the means of each step; False ends the training.
    ``settings``  what else a resumed run must have as it was (`resuming.begun_with`).

    Several processes share the micro-batches of a step: each has the same ones made, and computes the loss of some. All but
    ``loss`` and, with sharded weights, ``evaluate`` and ``samples`` is the first one's word; of sharded weights none but these
    three see any, and ``loss`` then calls the model equally often for each micro-batch.
    """

    batches: Callable[[int], Sequence[B]]
    loss: Callable[[Module, B], Loss]
    evaluate: Callable[[Module], Mapping[str, float]] = no_figures
    samples: Callable[[Module], Sequence[str]] = no_samples
    save: Callable[[Module, Path], None] = save_folder
    load: Callable[[Module, Path], None] = load_folder
    state: Callable[[], Mapping[str, Any]] = no_state
    restore: Callable[[Mapping[str, Any]], None] = nothing_to_restore
    after: Callable[[int, Mapping[str, float]], bool] = go_on
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
