"""How a process holds the model of a run: alone, as one of several copies (DDP), or a part of it (FSDP2).

Recipes use parts of a model besides its forward: its trunk, the weights of its head. So what is wrapped is not the model
but a module that runs any function of it: within that, every weight is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import replace
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor
from torch.nn import Module

from .processes import at_first, gathered, processes, rank
from .recipe import B, Loss
from .settings import LoopSettings
from .sharding import full

T = TypeVar("T")
Way = Literal["alone", "ddp", "fsdp"]


class Inside(Module):  # type: ignore[misc]  # torch is not followed by mypy
    """Runs functions of a model as its own forward: what DDP and FSDP do around a forward, they do around each."""

    def __init__(self, model: Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, work: Callable[[Module], T]) -> T:
        return work(self.model)


class Held:
    """The model as this process holds it. Every method but `total` is called by all processes, in the same order."""

    def __init__(self, model: Module, settings: LoopSettings) -> None:
        """Take ``model``, whole and on its device; it is sharded in place where ``settings.parallel`` says so."""
        self.model = model
        self.way: Way = settings.parallel if processes() > 1 else "alone"
        self._inside: Any = Inside(model)
        self._whole: Module = model
        self._compiled = settings.compile
        if settings.compile:
            for block in blocks(model):
                layer: Any = block
                layer.compile()
        if self.way == "ddp":
            self._inside = torch.nn.parallel.DistributedDataParallel(
                self._inside, forward_sync_buffers=False, gradient_as_bucket_view=True
            )
        if self.way == "fsdp":
            # Written models are gathered into this one: its class, hooks and ties are those of the model before.
            self._whole = deepcopy(model).cpu() if rank() == 0 else Module()
            _shard(self._inside)

    def backward(self, of: Callable[[Module, B], Loss], batch: B, *, last: bool, counts: bool = True) -> Loss:
        """Add the gradients of the loss ``of`` a micro-batch to those there are; exchange them after the ``last`` of a step.

        What does not count has no gradient and no loss: a process that has no more micro-batches waits for none that way.
        """
        found: list[Loss] = []

        def work(model: Module) -> Tensor:
            found.append(of(model, batch))
            return found[0].total

        with self._exchanging(last=last):
            total: Any = self._inside(work)
            (total if counts else total * 0.0).backward()
        (loss,) = found
        if not counts:
            return replace(loss, total=total.detach() * 0.0, count=0.0, facts=dict.fromkeys(loss.facts, 0.0))
        return replace(loss, total=total.detach())

    def _exchanging(self, *, last: bool) -> AbstractContextManager[Any]:
        if self.way == "fsdp":
            self._inside.set_requires_gradient_sync(last)
        if self.way == "ddp" and not last:
            found: AbstractContextManager[Any] = self._inside.no_sync()
            return found
        return nullcontext()

    @property
    def gradient_scale(self) -> float:
        """What a gradient must be multiplied by to be the sum over all processes: DDP and FSDP take the mean."""
        return float(processes()) if self.way != "alone" else 1.0

    def look(self, work: Callable[[Module], T]) -> T:
        """Return what ``work`` makes of the model, the same to all: of parts they make it together, else the first one does."""
        with self._as_written():
            if self.way == "fsdp":
                found: list[T] = []

                def within(model: Module) -> None:
                    found.append(work(model))

                self._inside(within)
                return found[0]
            return at_first(lambda: work(self.model))

    def _as_written(self) -> AbstractContextManager[Any]:
        """Compile nothing: the shapes of an answer change with each token."""
        if not self._compiled:
            return nullcontext()
        library: Any = torch.compiler
        found: AbstractContextManager[Any] = library.set_stance("force_eager")
        return found

    def whole(self) -> Module:
        """Return the model with all its weights, in the first process; another gets one that is of no use."""
        if self.way != "fsdp":
            return self.model
        state = full(self.model.state_dict())
        if rank() == 0:
            self._whole.load_state_dict(state)
        return self._whole


def blocks(model: Module) -> Sequence[Module]:
    """Return the layers of ``model``: what it holds in numbered rows, not what these hold in turn."""
    searched: Any = model
    found: list[Module] = []
    for name, one in searched.named_modules():
        *before, last = name.split(".")
        if last.isdigit() and not any(part.isdigit() for part in before):
            found.append(one)
    return found


def _shard(inside: Module) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    device = next(inside.parameters()).device
    mesh = init_device_mesh(device.type, (processes(),))
    for block in blocks(inside):
        fully_shard(block, mesh=mesh)
    fully_shard(
        inside, mesh=mesh
    )  # embeddings, the last norm and heads: whole for as long as a function runs


def added(losses: Sequence[Loss]) -> tuple[float, float, Mapping[str, float]]:
    """Return the sums of loss, count and facts over all ``losses`` of all processes, the same to each."""
    facts: dict[str, float] = {}
    for loss in losses:
        for name, value in loss.facts.items():
            facts[name] = facts.get(name, 0.0) + value
    total = float(torch.stack([loss.total for loss in losses]).sum())
    first, *others = gathered((total, sum(loss.count for loss in losses), facts))
    total, count, facts = first
    for part, some, more in others:
        total, count = total + part, count + some
        facts |= {name: facts.get(name, 0.0) + value for name, value in more.items()}
    return total, count, facts
