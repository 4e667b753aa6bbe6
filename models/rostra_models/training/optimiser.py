"""How weights follow gradients: AdamW, Muon for matrices, and how far they go at each step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Embedding, Module, Parameter
from torch.optim import AdamW, Optimizer

from .settings import LoopSettings
from .sharding import across, own

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Keller Jordan's coefficients (https://kellerjordan.github.io/posts/muon/): singular values end between 0.7 and 1.2."""


def share(step: int, settings: LoopSettings) -> float:
    """Return which share of the highest learning rate step ``step`` takes, counted from 0; never quite 0.

    It rises in a straight line, stays, and falls over the last ``decay_share`` of the run.
    """
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    length = settings.steps - settings.warmup_steps
    falls = max(1.0, length * settings.decay_share)
    gone = min(1.0, max(0.0, (step - settings.warmup_steps - (length - falls)) / falls))
    if settings.decay == "constant":
        return 1.0
    left = 1.0 - gone if settings.decay == "linear" else 0.5 * (1.0 + math.cos(math.pi * gone))
    return settings.final_share + (1.0 - settings.final_share) * left


def orthogonal(matrices: Tensor, iterations: int) -> Tensor:
    """Return the nearest matrices ``[n, rows, columns]`` whose singular values are about 1.

    Newton and Schulz's iteration: in 16 bits on a GPU, in 32 on a processor, where small matrices take half the time so.
    """
    wide = matrices.size(-2) <= matrices.size(-1)
    found: Any = matrices if wide else matrices.mT  # torch's own types leave ``mT`` open
    if found.is_cuda:
        found = found.bfloat16()
    found = found / (found.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    if not found.is_cuda and found.size(-1) >= 2 * found.size(-2):
        found = _squares_first(found, iterations)
    else:
        first, second, third = _QUINTIC
        for _ in range(iterations):
            square = found @ found.mT
            powers = torch.baddbmm(square, square, square, beta=second, alpha=third)
            found = torch.baddbmm(found, powers, found, beta=first)
    made: Tensor = (found if wide else found.mT).to(matrices.dtype)
    return made


def _squares_first(long: Any, iterations: int) -> Tensor:
    """Return the same for matrices much longer than high: the iteration is one of their squares, which are smaller.

    A step multiplies by a polynomial of the square, and these commute. In 16 bits the small singular values would be lost.
    """
    first, second, third = _QUINTIC
    square = long @ long.mT
    product: Any = None
    for left in reversed(range(iterations)):
        step = torch.baddbmm(square, square, square, beta=second, alpha=third)
        step.diagonal(dim1=-2, dim2=-1).add_(first)
        product = step if product is None else step @ product
        if left:
            square = step @ square @ step
    made: Tensor = product @ long
    return made


class Muon(Optimizer):  # type: ignore[misc]  # torch is not followed by mypy
    """Gradient descent with momentum whose updates are made orthogonal (https://arxiv.org/abs/2502.16982, section 2).

    Matrices of one shape go through the iteration together: ``torch.optim.Muon`` takes them one after the other.
    """

    def __init__(self, matrices: Iterable[Parameter], settings: LoopSettings) -> None:
        """Take ``matrices`` of two dimensions."""
        defaults = {
            "lr": settings.muon_learning_rate,
            "momentum": settings.momentum,
            "weight_decay": settings.weight_decay,
            "iterations": settings.muon_iterations,
        }
        super().__init__(matrices, defaults)

    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  losses are the loop's
        """Take one step, which uses the gradients up. ``closure`` is part of PyTorch's protocol and not called."""
        del closure
        with torch.no_grad():
            for group in self.param_groups:
                shapes: dict[tuple[int, ...], list[Parameter]] = {}
                for one in group["params"]:
                    if one.grad is not None:
                        shapes.setdefault(tuple(one.shape), []).append(one)
                for shape, those in shapes.items():
                    self._follow(group, shape, those)

    def _follow(self, group: dict[str, Any], shape: tuple[int, ...], those: Sequence[Parameter]) -> None:
        for one in those:
            if "velocity" not in self.state[one]:
                self.state[one]["velocity"] = torch.zeros_like(one)
        gradients = [own(one.grad) for one in those if one.grad is not None]
        velocities = [own(self.state[one]["velocity"]) for one in those]
        keep = group["momentum"]
        torch._foreach_lerp_(velocities, gradients, 1 - keep)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  one call for all
        torch._foreach_lerp_(gradients, velocities, keep)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  Nesterov's
        ahead = torch.stack(gradients)
        updates = across(those[0], ahead, lambda matrices: orthogonal(matrices, group["iterations"]))
        length = group["lr"] * math.sqrt(max(1.0, shape[0] / shape[1]))
        weights = [own(one) for one in those]
        if group["weight_decay"]:
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        torch._foreach_add_(weights, list(updates.unbind()), alpha=-length)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]


def optimisers(model: Module, settings: LoopSettings) -> Sequence[Optimizer]:
    """Return what moves the weights of ``model`` that want gradients, in a fixed order.

    Those of a module with a number ``learns_faster`` learn so many times as fast with AdamW: a new head on an old trunk.
    """
    ends = _ends(model)
    wanted = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    plain = [one for _, one in wanted if one.ndim < 2]  # noqa: PLR2004  norms and biases are no matrices
    outer = [one for name, one in wanted if one.ndim >= 2 and name in ends]  # noqa: PLR2004
    inner = [one for name, one in wanted if one.ndim >= 2 and name not in ends]  # noqa: PLR2004
    muon = [one for one in inner if one.ndim == 2] if settings.optimiser == "muon" else []  # noqa: PLR2004
    taken = {id(one) for one in muon}
    rest = [one for one in inner if id(one) not in taken]
    faster = _faster(model)
    kinds: Sequence[dict[str, Any]] = (
        {"params": rest, "weight_decay": settings.weight_decay, "lr": settings.learning_rate},
        {"params": outer, "lr": settings.embedding_learning_rate or settings.learning_rate},
        {"params": plain, "lr": settings.learning_rate},
    )
    groups = [
        {**group, "params": those, "lr": group["lr"] * times}
        for group in kinds
        for times in sorted({1.0, *faster.values()})
        if (those := [one for one in group["params"] if faster.get(id(one), 1.0) == times])
    ]
    found: list[Optimizer] = []
    if groups:
        found.append(AdamW(groups, betas=settings.betas, eps=settings.epsilon, weight_decay=0.0, fused=True))
    if muon:
        found.append(Muon(muon, settings))
    for one in found:
        for group in one.param_groups:
            group["highest"] = group["lr"]
    return found


def _ends(model: Module) -> frozenset[str]:
    """Return the names of embeddings and of the output layer: rows for tokens, which are no maps between layers."""
    searched: Any = model
    found = {
        f"{name}.weight" if name else "weight"
        for name, one in searched.named_modules()
        if isinstance(one, Embedding) or name.rpartition(".")[2] in {"lm_head", "score"}
    }
    return frozenset(found)


def _faster(model: Module) -> Mapping[int, float]:
    """Return how many times as fast weights learn by their identity, where a module says so with ``learns_faster``."""
    searched: Any = model
    return {
        id(one): float(module.learns_faster)
        for module in searched.modules()
        if hasattr(module, "learns_faster")
        for one in module.parameters()
    }


def scaled(gradients: Sequence[Tensor], factor: float) -> None:
    """Multiply all ``gradients`` in place."""
    torch._foreach_mul_(list(gradients), factor)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  one call for all


def set_rates(those: Iterable[Optimizer], part: float) -> None:
    """Have each take ``part`` of its highest learning rate."""
    for one in those:
        for group in one.param_groups:
            group["lr"] = group["highest"] * part
