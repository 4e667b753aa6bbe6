"""What tests of the training's mathematics share: torch's own types leave too much open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def seeded(number: int) -> None:
    """Begin torch's drawing anew."""
    library: Any = torch
    library.manual_seed(number)


def listed(values: Tensor) -> Any:
    """The numbers of a tensor."""
    found: Any = values
    return found.tolist()


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients_are_right(function: Callable[[Tensor], Tensor], given: Tensor) -> bool:
    """Whether gradients are those of finite differences."""
    library: Any = torch.autograd
    right: bool = library.gradcheck(function, given.requires_grad_())
    return right
