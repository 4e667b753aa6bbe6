"""The loop that trains any recipe: accumulate, guard, step, watch, keep; resumed it goes on bit for bit."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import numpy as np
import torch
from torch.nn import Module
from torch.optim import Optimizer

from rostra.clock import Clock, SystemClock

from . import checkpoint
from .allocator import kept_memory
from .errors import TrainError
from .guard import Guard
from .journal import Journal, Silence, journal_of
from .machine import advice, device_of, numbers, peak_mb, share_of_peak
from .optimiser import optimisers, scaled, set_rates, share
from .parallel import Held, added
from .processes import gathered, joined, processes, rank
from .progress import Told, shown
from .quick import quickened
from .recipe import B, Loss, Recipe
from .resuming import check
from .settings import LoopSettings
from .sharding import full, restore, total_norm

MODEL = "model"


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

    With ``resume``, go on from the newest checkpoint in ``out``; from the beginning if there is none yet. Under ``torchrun``
    all processes train it together, and with ``parallel`` "fsdp" each is left with a part of it. Raises `TrainError`,
    `NotResumable` for a checkpoint of other settings, and `Diverged`.
    """
    means = means or Means()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    there = checkpoint.checkpoints(out)
    if there and not resume:
        raise TrainError(
            f"{str(out)!r} holds checkpoints of a run: --resume goes on with it, or name another folder"
        )
    with joined(settings), advice(), kept_memory():
        model.to(device_of(settings))
        found: Mapping[str, Any] = {}
        if there:
            found = checkpoint.read(there[max(there)])
            check(there[max(there)], found, settings, recipe.settings)
            recipe.load(model, there[max(there)])
            means.say(f"goes on after step {found['step']}")
        with nullcontext() if settings.compile else quickened(model):
            return _Course(Held(model, settings), recipe, settings, out, means).whole(stage, found)


def step_seconds(model: Module, recipe: Recipe[B], settings: LoopSettings, clock: Clock) -> float:
    """Return how long a step takes on this machine, by the second of two micro-batches: the first sets things up.

    For recipes whose batches are a function of the step alone. The weights stay as they are.
    """
    model.to(device_of(settings)).train()
    batches = recipe.batches(0)
    took = 0.0
    with advice():
        for _ in range(2):
            begun = clock.monotonic()
            with numbers(settings):
                total: Any = recipe.loss(model, batches[0]).total
            total.backward()
            took = clock.monotonic() - begun
    model.zero_grad()
    return took * math.ceil(len(batches) / processes())


class _Course(Generic[B]):
    """A run under way: what changes from step to step."""

    def __init__(
        self, held: Held, recipe: Recipe[B], settings: LoopSettings, out: Path, means: Means
    ) -> None:
        self._held = held
        self._model = held.model
        self._recipe = recipe
        self._settings = settings
        self._out = out
        self._means = means
        self._optimisers: Sequence[Optimizer] = optimisers(self._model, settings)
        self._weights = [one for one in self._model.parameters() if one.requires_grad]
        self._guard = Guard(settings.spike_factor, settings.bad_steps)
        self._device = next(self._model.parameters()).device

    def whole(self, stage: str, found: Mapping[str, Any]) -> Run:
        """Train to the end, from the checkpoint's state ``found`` if there is one, and write what came of it."""
        settings, begun = self._settings, self._restore(found) if found else 0
        journal = journal_of(self._out, self._means.clock, begun=begun, tensorboard=settings.tensorboard)
        with shown(stage, begun, settings.steps) as told:
            steps, facts = self._run(begun, journal, told)
        model, folder = self._held.whole(), self._out / MODEL
        if rank() == 0:
            checkpoint.whole(folder, lambda half: self._recipe.save(model, half))
        gathered(0)  # nobody reads it before it is there
        if settings.plot and not journal.draw():
            self._means.say("no curves are drawn: matplotlib is not installed")
        return Run(stage=stage, folder=self._out, model=folder, steps=steps, facts=facts)

    def _run(self, begun: int, journal: Journal | Silence, told: Told) -> tuple[int, Mapping[str, float]]:
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
                self._keep(step)
            if last:
                break
        facts["seconds"] = clock.monotonic() - started
        facts["processor_seconds"] = time.process_time() - worked
        facts["peak_mb"] = peak_mb(self._device)
        return step, facts

    def _step(self, step: int) -> dict[str, float]:
        """Take one step. Return its means, and ``count``."""
        settings = self._settings
        seed(settings.seed, step)
        self._model.train()
        total, count, facts = self._gradients(step)
        set_rates(self._optimisers, part := share(step, settings))
        gradients = [one.grad for one in self._weights if one.grad is not None]
        scaled(gradients, self._held.gradient_scale / max(count, 1e-9))
        norm = total_norm(gradients)
        loss = total / max(count, 1e-9)
        taken = self._guard.takes(step, loss, norm)
        if taken:
            if 0 < settings.clip < norm:
                scaled(gradients, settings.clip / norm)
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
        """Add the gradients of a step's micro-batches up. Return the sums of loss, count and facts of all processes."""
        batches = self._recipe.batches(step)
        if not batches:
            raise TrainError(f"the recipe has no batches for step {step}")
        mine, rounds = batches[rank() :: processes()], math.ceil(len(batches) / processes())
        if rank():
            seed(self._settings.seed, step, rank())  # or all would leave the same things out
        losses: list[Loss] = []
        for at in range(rounds):
            counts, last = at < len(mine), at == rounds - 1
            batch = mine[at] if counts else batches[0]
            losses.append(self._held.backward(self._cost, batch, last=last, counts=counts))
        return added(losses)

    def _cost(self, model: Module, batch: B) -> Loss:
        with numbers(self._settings):
            return self._recipe.loss(model, batch)

    def _look(self, step: int, journal: Journal | Silence, *, last: bool) -> Mapping[str, float]:
        """Evaluate and show samples where it is time to. Return the figures."""
        settings, figures = self._settings, dict[str, float]()
        self._model.eval()
        if last or (settings.evaluate_every and step % settings.evaluate_every == 0):
            with torch.no_grad(), numbers(settings):
                figures.update(self._held.look(self._recipe.evaluate))
            if figures:
                journal.tell(step, figures)
                said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
                self._means.say(f"step {step}: {said}")
        if settings.sample_every and (last or step % settings.sample_every == 0):
            seed(settings.seed, step)
            with torch.no_grad():
                journal.show(step, self._held.look(self._recipe.samples))
        return figures

    def _keep(self, step: int) -> None:
        """Write a checkpoint. All processes take part, the first one writes."""
        state = {
            "step": step,
            "settings": self._settings.model_dump(mode="json"),
            "stage": dict(self._recipe.settings),
            "optimisers": [full(one.state_dict()) for one in self._optimisers],
            "guard": self._guard.state(),
            "recipe": dict(self._recipe.state()),
        }
        model = self._held.whole()
        if rank() == 0:
            checkpoint.write(self._out, step, lambda half: self._recipe.save(model, half), state)
            checkpoint.prune(self._out, self._settings.keep)

    def _restore(self, found: Mapping[str, Any]) -> int:
        """Take a checkpoint's state; the model has its weights. Return the steps that went into it."""
        for one, state in zip(self._optimisers, found["optimisers"], strict=True):
            restore(one, state)
        self._guard.restore(found["guard"])
        self._recipe.restore(found["recipe"])
        return int(found["step"])

    def _mfu(self, steps_per_second: float) -> Mapping[str, float]:
        part = share_of_peak(self._device, self._means.step_flops * steps_per_second / processes())
        return {"mfu": part} if part else {}
