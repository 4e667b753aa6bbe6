"""The loop that trains any recipe: accumulate, guard, step, watch, keep; resumed it goes on bit for bit."""

from __future__ import annotations

import gc
import random
import resource
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from torch.optim import Optimizer

from rostra.clock import Clock, SystemClock

from . import checkpoint
from .errors import NotResumable, TrainError
from .guard import Guard
from .journal import Journal
from .optimiser import optimisers, set_rates, share
from .progress import Told, shown
from .recipe import B, Loss, Recipe
from .settings import LoopSettings

MODEL = "model"
_PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40": 181e12, "A10": 125e12}
"""Dense bf16 operations a second, by the makers' data sheets."""


def _silent(_line: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a run uses of the world. ``step_flops`` are one step's operations: with them MFU is shown."""

    clock: Clock = field(default_factory=SystemClock)
    say: Callable[[str], None] = _silent
    step_flops: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a run: its folder, the model in it, and the last figures by name."""

    stage: str
    folder: Path
    model: Path
    steps: int
    facts: Mapping[str, float]

    def row(self) -> Mapping[str, object]:
        """Return what ``--json`` prints."""
        return {
            "stage": self.stage,
            "out": str(self.folder),
            "model": str(self.model),
            "steps": self.steps,
            **self.facts,
        }


def device_of(settings: LoopSettings) -> torch.device:
    """Return where a run computes. Raises `TrainError` if there is no such device."""
    there = torch.cuda.is_available()
    if settings.device == "cuda" and not there:
        raise TrainError("device is 'cuda', and PyTorch finds no GPU; 'auto' takes what there is")
    return torch.device("cuda" if there and settings.device != "cpu" else "cpu")


def seed(*numbers: int) -> None:
    """Seed every generator with all of ``numbers`` together."""
    mixed = np.random.SeedSequence(numbers).generate_state(4)
    library: Any = torch
    library.manual_seed(int(mixed[0]) << 32 | int(mixed[1]))
    random.seed(int(mixed[2]))
    np.random.seed(mixed[3])  # noqa: NPY002  for libraries that draw from it


def train(  # noqa: PLR0913  what a run is made of; the last ones have defaults
    model: Module,
    recipe: Recipe[B],
    settings: LoopSettings,
    *,
    out: Path,
    stage: str,
    resume: bool = False,
    means: Means | None = None,
) -> Run:
    """Train ``model`` in place and write the result to ``out / "model"``.

    With ``resume``, go on from the newest checkpoint in ``out``; from the beginning if there is none yet. Raises
    `TrainError`, `NotResumable` for a checkpoint of other settings, and `Diverged`.
    """
    means = means or Means()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    there = checkpoint.checkpoints(out)
    if there and not resume:
        raise TrainError(
            f"{str(out)!r} holds checkpoints of a run: --resume goes on with it, or name another folder"
        )
    course = _Course(model.to(device_of(settings)), recipe, settings, out, means)
    begun = course.restore(there[max(there)]) if there else 0
    journal = Journal(out, means.clock, begun=begun, tensorboard=settings.tensorboard)
    if begun:
        means.say(f"goes on after step {begun}")
    with shown(stage, begun, settings.steps) as told, _advice():
        steps, facts = course.run(begun, journal, told)
    checkpoint.whole(out / MODEL, course.save)
    if settings.plot and not journal.draw():
        means.say("no curves are drawn: matplotlib is not installed")
    return Run(stage=stage, folder=out, model=out / MODEL, steps=steps, facts=facts)


def step_seconds(model: Module, recipe: Recipe[B], settings: LoopSettings, clock: Clock) -> float:
    """Return how long a step takes on this machine, by the second of two micro-batches: the first sets things up.

    For recipes whose batches are a function of the step alone. The weights stay as they are.
    """
    model.to(device_of(settings)).train()
    batches = recipe.batches(0)
    took = 0.0
    with _advice():
        for _ in range(2):
            begun = clock.monotonic()
            _backward(model, recipe, batches[0], settings)
            took = clock.monotonic() - begun
    model.zero_grad()
    return took * len(batches)


def _backward(model: Module, recipe: Recipe[B], batch: B, settings: LoopSettings) -> Loss:
    with numbers(settings):
        loss = recipe.loss(model, batch)
    total: Any = loss.total
    total.backward()
    return loss


def numbers(settings: LoopSettings) -> AbstractContextManager[Any]:
    """Return what computes in the precision that was asked for."""
    if settings.precision == "float32":
        return nullcontext()
    made: AbstractContextManager[Any] = torch.autocast(device_of(settings).type, torch.bfloat16)
    return made


class _Course(Generic[B]):
    """A run under way: what changes from step to step."""

    def __init__(
        self, model: Module, recipe: Recipe[B], settings: LoopSettings, out: Path, means: Means
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._settings = settings
        self._out = out
        self._means = means
        library: Any = torch
        self._called: Module = library.compile(model) if settings.compile else model
        self._optimisers: Sequence[Optimizer] = optimisers(model, settings)
        self._weights = [one for one in model.parameters() if one.requires_grad]
        self._guard = Guard(settings.spike_factor, settings.bad_steps)
        self._device = next(model.parameters()).device

    def run(self, begun: int, journal: Journal, told: Told) -> tuple[int, Mapping[str, float]]:
        """Take the steps from ``begun`` on. Return how many there are now, and the last figures."""
        settings, clock = self._settings, self._means.clock
        started, worked = clock.monotonic(), time.process_time()
        pace, counted = started, 0.0
        facts: dict[str, float] = {}
        step = begun
        while step < settings.steps:
            done = self._step(step)
            counted += done.pop("count")
            step += 1
            last = not self._recipe.after(step - 1, done) or step == settings.steps
            if last or step % settings.log_every == 0:
                now = clock.monotonic()
                seconds = max(1e-9, now - pace)
                steps = (step - 1) % settings.log_every + 1
                row = {**done, "tokens_per_second": counted / seconds, **self._mfu(steps / seconds)}
                pace, counted = now, 0.0
                journal.tell(step, row)
                facts |= {"train_loss": row["loss"]}
                told(step, row, (now - started) / (step - begun) * (settings.steps - step))
            facts |= self._look(step, journal, last=last)
            if settings.save_every and step % settings.save_every == 0:
                checkpoint.write(self._out, step, self.save, self._state(step))
                checkpoint.prune(self._out, settings.keep)
            if last:
                break
        facts["seconds"] = clock.monotonic() - started
        facts["processor_seconds"] = time.process_time() - worked
        facts["peak_mb"] = self._peak()
        return step, facts

    def _step(self, step: int) -> dict[str, float]:
        """Take one step. Return its means, and ``count``."""
        settings = self._settings
        seed(settings.seed, step)
        self._model.train()
        total, count, facts = self._gradients(step)
        set_rates(self._optimisers, part := share(step, settings))
        gradients = [one.grad for one in self._weights if one.grad is not None]
        torch._foreach_mul_(gradients, 1.0 / max(count, 1e-9))  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  one call for all
        norm = float(torch.nn.utils.get_total_norm(gradients))
        loss = total / max(count, 1e-9)
        taken = self._guard.takes(step, loss, norm)
        if taken:
            if 0 < settings.clip < norm:
                torch._foreach_mul_(gradients, settings.clip / norm)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
            for one in self._optimisers:
                one.step()
        for one in self._optimisers:
            one.zero_grad()
        means = {name: value / max(count, 1e-9) for name, value in facts.items()}
        return {
            "loss": loss,
            **means,
            "gradient_norm": norm,
            "learning_rate": settings.learning_rate * part,
            "left_out": float(not taken),
            "count": count,
        }

    def _gradients(self, step: int) -> tuple[float, float, Mapping[str, float]]:
        """Add the gradients of a step's micro-batches up. Return the sums of loss, count and facts."""
        totals: list[Tensor] = []
        count, facts = 0.0, dict[str, float]()
        for batch in self._recipe.batches(step):
            loss = _backward(self._called, self._recipe, batch, self._settings)
            totals.append(loss.total.detach())
            count += loss.count
            for name, value in loss.facts.items():
                facts[name] = facts.get(name, 0.0) + value
        if not totals:
            raise TrainError(f"the recipe has no batches for step {step}")
        return float(torch.stack(totals).sum()), count, facts

    def _look(self, step: int, journal: Journal, *, last: bool) -> Mapping[str, float]:
        """Evaluate and show samples where it is time to. Return the figures."""
        settings, figures = self._settings, dict[str, float]()
        self._model.eval()
        if last or (settings.evaluate_every and step % settings.evaluate_every == 0):
            with torch.no_grad(), numbers(settings):
                figures.update(self._recipe.evaluate(self._model))
            if figures:
                journal.tell(step, figures)
                said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
                self._means.say(f"step {step}: {said}")
        if settings.sample_every and (last or step % settings.sample_every == 0):
            seed(settings.seed, step)
            with torch.no_grad():
                journal.show(step, self._recipe.samples(self._model))
        return figures

    def save(self, folder: Path) -> None:
        """Write the model."""
        self._recipe.save(self._model, folder)

    def _state(self, step: int) -> Mapping[str, Any]:
        return {
            "step": step,
            "settings": self._settings.model_dump(mode="json"),
            "optimisers": [one.state_dict() for one in self._optimisers],
            "guard": self._guard.state(),
            "recipe": dict(self._recipe.state()),
        }

    def restore(self, folder: Path) -> int:
        """Take a checkpoint's state. Return the steps that went into it. Raises `NotResumable`."""
        found = checkpoint.read(folder)
        ours = self._settings.model_dump(mode="json")
        other = [key for key in ours if key not in _FREE and found["settings"].get(key) != ours[key]]
        if other:
            raise NotResumable(
                f"{str(folder)!r} was trained with another {other[0]!r}: {found['settings'].get(other[0])!r},"
                f" not {ours[other[0]]!r}"
            )
        self._recipe.load(self._model, folder)
        for one, state in zip(self._optimisers, found["optimisers"], strict=True):
            one.load_state_dict(state)
        self._guard.restore(found["guard"])
        self._recipe.restore(found["recipe"])
        return int(found["step"])

    def _mfu(self, steps_per_second: float) -> Mapping[str, float]:
        if self._device.type != "cuda" or not self._means.step_flops:
            return {}
        name = torch.cuda.get_device_name(self._device)
        peak = next((peak for key, peak in _PEAKS.items() if key in name), 0.0)
        return {"mfu": self._means.step_flops * steps_per_second / peak} if peak else {}

    def _peak(self) -> float:
        """Return the most memory that was used so far, in MB: the GPU's, else the process's."""
        if self._device.type == "cuda":
            return float(torch.cuda.max_memory_allocated(self._device)) / 1e6
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


_FREE = frozenset(
    {
        "device",
        "threads",
        "compile",
        "evaluate_every",
        "sample_every",
        "save_every",
        "keep",
        "log_every",
        "tensorboard",
        "plot",
        "bad_steps",
    }
)
"""What may change when a run goes on: nothing that what is learned depends on, numerics of another device apart."""


@contextmanager
def _advice() -> Generator[None]:
    """Say what helps where memory ran out. PyTorch's processor allocator has no error of its own."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        gc.collect()
        raise TrainError(
            "out of memory: halve the rows of a micro-batch and double how many there are (the result is the same),"
            " set precision to 'bfloat16', or take shorter rows"
        ) from error
