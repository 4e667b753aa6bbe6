"""How weights follow gradients: AdamW, Muon for matrices, and how far they go at each step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Embedding, Module, Parameter
from torch.optim import AdamW, Optimizer

from .settings import LoopSettings

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
    first, second, third = _QUINTIC
    wide = matrices.size(-2) <= matrices.size(-1)
    found: Any = matrices if wide else matrices.mT  # torch's own types leave ``mT`` open
    if found.is_cuda:
        found = found.bfloat16()
    found = found / (found.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(iterations):
        square = found @ found.mT
        powers = torch.baddbmm(square, square, square, beta=second, alpha=third)
        found = torch.baddbmm(found, powers, found, beta=first)
    made: Tensor = (found if wide else found.mT).to(matrices.dtype)
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
        """Take one step. ``closure`` is part of PyTorch's protocol and not called."""
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
        gradients = [one.grad for one in those if one.grad is not None]
        for one in those:
            if "velocity" not in self.state[one]:
                self.state[one]["velocity"] = torch.zeros_like(one)
        velocities: list[Tensor] = [self.state[one]["velocity"] for one in those]
        keep = group["momentum"]
        torch._foreach_lerp_(velocities, gradients, 1 - keep)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  one call for all
        ahead = torch.stack(gradients).lerp(torch.stack(velocities), keep)  # Nesterov's
        updates = orthogonal(ahead, group["iterations"])
        length = group["lr"] * math.sqrt(max(1.0, shape[0] / shape[1]))
        if group["weight_decay"]:
            torch._foreach_mul_(list(those), 1 - group["lr"] * group["weight_decay"])  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        torch._foreach_add_(list(those), list(updates.unbind()), alpha=-length)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]


def optimisers(model: Module, settings: LoopSettings) -> Sequence[Optimizer]:
    """Return what moves the weights of ``model`` that want gradients, in a fixed order."""
    ends = _ends(model)
    wanted = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    plain = [one for _, one in wanted if one.ndim < 2]  # noqa: PLR2004  norms and biases are no matrices
    outer = [one for name, one in wanted if one.ndim >= 2 and name in ends]  # noqa: PLR2004
    inner = [one for name, one in wanted if one.ndim >= 2 and name not in ends]  # noqa: PLR2004
    muon = [one for one in inner if one.ndim == 2] if settings.optimiser == "muon" else []  # noqa: PLR2004
    taken = {id(one) for one in muon}
    rest = [one for one in inner if id(one) not in taken]
    groups = [
        {"params": rest, "weight_decay": settings.weight_decay, "lr": settings.learning_rate},
        {"params": outer, "lr": settings.embedding_learning_rate or settings.learning_rate},
        {"params": plain, "lr": settings.learning_rate},
    ]
    groups = [group for group in groups if group["params"]]
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


def set_rates(those: Iterable[Optimizer], part: float) -> None:
    """Have each take ``part`` of its highest learning rate."""
    for one in those:
        for group in one.param_groups:
            group["lr"] = group["highest"] * part
