"""Tensors of which each process holds some rows: its own part, the whole of them, and what is written of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.optim import Optimizer

from .processes import rank


def own(value: Tensor) -> Tensor:
    """Return what this process holds of ``value``, which may be all of it; what is written to it is written to ``value``."""
    return value.to_local() if isinstance(value, DTensor) else value


def across(like: Tensor, matrices: Tensor, work: Callable[[Tensor], Tensor]) -> Tensor:
    """Return ``work`` of whole ``matrices`` [n, rows, columns], of which this process has the rows that it has of ``like``."""
    if not isinstance(like, DTensor):
        return work(matrices)
    mesh, shape = like.device_mesh, torch.Size((len(matrices), *like.shape))
    stride = (like.shape[0] * like.shape[1], like.shape[1], 1)
    parted = DTensor.from_local(matrices, mesh, [Shard(1)], run_check=False, shape=shape, stride=stride)
    done = DTensor.from_local(work(parted.full_tensor()), mesh, [Replicate()], run_check=False)
    return done.redistribute(mesh, [Shard(1)]).to_local()


def full(value: Any) -> Any:
    """Return ``value`` (a state: dicts and lists of tensors and numbers) with tensors that are shared out made whole.

    They are whole in the first process, on its processor, and empty in the others.
    """
    if isinstance(value, DTensor):
        gathered: Tensor = value.full_tensor()
        return gathered.cpu() if rank() == 0 else gathered.new_empty(0)
    inner: Any = value
    if isinstance(value, Mapping):
        return {name: full(one) for name, one in inner.items()}
    if isinstance(value, list):
        return [full(one) for one in inner]
    return value


def restore(optimiser: Optimizer, state: Mapping[str, Any]) -> None:
    """Take back what ``full(optimiser.state_dict())`` was, in however many processes; each keeps its part of it."""
    weights = [one for group in optimiser.param_groups for one in group["params"]]
    parts = {
        at: {name: _part(one, weights[at]) for name, one in kept.items()}
        for at, kept in state["state"].items()
    }
    optimiser.load_state_dict({**state, "state": parts})


def _part(value: Any, weight: Tensor) -> Any:
    if not isinstance(weight, DTensor) or not isinstance(value, Tensor) or value.shape != weight.shape:
        return value
    there = value.to(weight.device)
    return distribute_tensor(there, weight.device_mesh, weight.placements, src_data_rank=None)


def total_norm(gradients: Sequence[Tensor]) -> float:
    """Return the length of all ``gradients`` together, over all processes that hold parts of them."""
    found: Any = torch.nn.utils.get_total_norm(gradients)
    return float(found.full_tensor() if isinstance(found, DTensor) else found)
