"""Products of 8-bit integers: the places that call functions of torch without a promise, and what is done without them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, cast

import torch
from torch import Tensor

MOST = 127
"""The largest number that inputs and weights are rounded to, and the negative of the smallest."""


class Times(Protocol):
    """Rounds rows of numbers up to `MOST`, ``[rows, in]``; returns their scaled products with some weights, ``[rows, out]``."""

    @property
    def held(self) -> Any:
        """What torch has to know of when it records the product, if anything."""
        ...

    def __call__(self, rows: Tensor) -> Tensor: ...


def products(weight: Tensor, scale: Tensor) -> Times:
    """Return what multiplies with 8-bit weights ``[out, in]`` and scales the products of each output, ``[out]``.

    Call it only where `exact` says so.
    """
    return Packed(weight, scale) if right(Packed) else Plain(weight, scale)


class Packed:
    """Products by FBGEMM, which rounds, multiplies and scales in one go, from weights in an order of its own.

    These operations are those of `torch.ao.quantization`, which is deprecated; `Plain` does the same in more steps.
    """

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        """``weight`` ``[out, in]`` in 8 bits; products of each output are scaled by ``scale``, ``[out]``."""
        with _fbgemm():
            channels: Any = cast("Any", torch)._make_per_channel_quantized_tensor(  # noqa: SLF001  see above
                weight, scale.double(), torch.zeros(len(scale), dtype=torch.int64), 0
            )
            self.held = torch.ops.quantized.linear_prepack(channels, None)

    def __call__(self, rows: Tensor) -> Tensor:
        multiply: Any = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
        found: Tensor = multiply(rows, 1.0, MOST + 1, self.held)
        return found


class Plain:
    """Products by oneDNN, from weights as they are."""

    held = None

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self._weight = weight.t()  # a view: the layout for which the product of one row is fastest
        self._scale = scale

    def __call__(self, rows: Tensor) -> Tensor:
        found: Tensor = cast("Any", torch)._int_mm(rows.round().to(torch.int8), self._weight)  # noqa: SLF001  nothing public does
        return found.float().mul_(self._scale)


def exact() -> bool:
    """Return whether products of 8-bit integers are there on this machine, and right."""
    return right(Packed) or right(Plain)


@cache
def right(make: Callable[[Tensor, Tensor], Times]) -> bool:
    """Return whether products are there and exact, also where every number is as large as can be.

    Processors without instructions for 8-bit products (VNNI) add pairs of them in 16 bits, which are too few.
    """
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(-MOST, MOST + 1, (9, 64), generator=generator)
    weight = torch.randint(-MOST, MOST + 1, (96, 64), generator=generator)
    rows[1], weight[1], weight[2] = MOST, MOST, -MOST
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            times = make(weight.to(torch.int8), torch.ones(96))
            found = [times(some.float()) for some in (rows, rows[1:2])]
        except (AttributeError, RuntimeError):
            return False
    whole = rows @ weight.t()
    return all(torch.equal(one.long(), true) for one, true in zip(found, (whole, whole[1:2]), strict=True))


@contextmanager
def _fbgemm() -> Generator[None]:
    """Pack for FBGEMM: what weights are packed for is a setting of the whole process."""
    backend: Any = torch.backends.quantized
    before = backend.engine
    backend.engine = "fbgemm"
    try:
        yield
    finally:
        backend.engine = before
