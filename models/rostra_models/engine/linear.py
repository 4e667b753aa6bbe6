"""Matrix products with a model's weights: in the weights' own type, or in 8-bit integers on a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.nn.functional import linear, rms_norm

from .products import MOST, Times, products


@dataclass(frozen=True, slots=True)
class Norm:
    """Makes rows of length 1 on average and weighs their numbers (RMSNorm, https://arxiv.org/abs/1910.07467)."""

    weight: Tensor  # [in]
    epsilon: float

    def __call__(self, rows: Tensor) -> Tensor:
        return rms_norm(rows, self.weight.shape, self.weight, self.epsilon)

    def factor(self, rows: Tensor) -> Tensor:
        """Return what rows are multiplied with beside the weight, ``[rows, 1]``."""
        length = cast("Any", torch.linalg).vector_norm(rows, 2, -1, keepdim=True)  # torch has no hints for it
        found: Tensor = length.square_().mul_(1 / rows.shape[-1]).add_(self.epsilon).rsqrt_()
        return found


class Linear(Protocol):
    """Weights to multiply with. Shapes: input ``[rows, in]``, output ``[rows, out]``, both of one type."""

    @property
    def held(self) -> Any:
        """What torch has to know of when it records products, if anything."""
        ...

    def normed(self, rows: Tensor, norm: Norm) -> Tensor:
        """Return the products with the normed ``rows``."""
        ...

    def added(self, rows: Tensor, to: Tensor) -> Tensor:
        """Return the products with ``rows`` added to ``to``, ``[rows, out]``."""
        ...

    def rows(self, numbers: Tensor) -> Tensor:
        """Return rows of the weights themselves, ``[numbers, in]``: what an embedding looks up."""
        ...


@dataclass(frozen=True, slots=True)
class Dense:
    """Weights ``[out, in]`` as they are, with an optional bias ``[out]``."""

    weight: Tensor
    bias: Tensor | None = None
    held: None = None

    def normed(self, rows: Tensor, norm: Norm) -> Tensor:
        return self._product(norm(rows))

    def added(self, rows: Tensor, to: Tensor) -> Tensor:
        return to + self._product(rows)

    def rows(self, numbers: Tensor) -> Tensor:
        return self.weight[numbers]

    def _product(self, rows: Tensor) -> Tensor:
        return linear(rows, self.weight, self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class Int8:
    """Weights in 8 bits with a scale for each output, multiplied with inputs in 8 bits with a scale for each row.

    The products are summed as integers, exactly and in any order, and each row is scaled by itself: what a row gets
    never depends on the rows beside it. `torch.ao.quantization.quantize_dynamic` has one scale for all rows, so that
    one loud conversation makes the others coarse.
    """

    times: Times
    bias: Tensor | None = None
    looked_up: tuple[Tensor, Tensor] | None = None  # weights [out, in] and their scale, for `rows`
    fine: bool = False  # what rounding takes from the inputs is multiplied too: twice the work

    @classmethod
    def of(
        cls, weight: Tensor, bias: Tensor | None = None, *, fine: bool = False, looked_up: bool = False
    ) -> Int8:
        """Round weights ``[out, in]`` to 8 bits."""
        rounded = torch.empty(weight.shape, dtype=torch.int8)
        scale = torch.empty(len(weight))
        # Some rows at a time: all at once would take nine times the memory of the result.
        for start in range(0, len(weight), _BLOCK):
            block = weight[start : start + _BLOCK].float()
            scale[start : start + _BLOCK] = block.abs().amax(-1).mul_(1 / MOST).clamp_min_(_TINY)
            rounded[start : start + _BLOCK] = (block / scale[start : start + _BLOCK, None]).round_()
        return cls(
            products(rounded, scale * (1 / MOST)),
            None if bias is None else bias.float(),
            (rounded, scale) if looked_up else None,
            fine,
        )

    @property
    def held(self) -> Any:
        return self.times.held

    def normed(self, rows: Tensor, norm: Norm) -> Tensor:
        # Rounding does not mind the length of a row: only the scale has to know.
        found, top = self._product(rows * norm.weight)
        found.mul_(norm.factor(rows).mul_(top))
        return found if self.bias is None else found.add_(self.bias)

    def added(self, rows: Tensor, to: Tensor) -> Tensor:
        found, top = self._product(rows)
        found = torch.addcmul(to, found, top)
        return found if self.bias is None else found.add_(self.bias)

    def rows(self, numbers: Tensor) -> Tensor:
        if self.looked_up is None:
            raise ValueError("these weights were not made to be looked up")
        weight, scale = self.looked_up
        return weight[numbers].mul(scale[numbers, None])

    def _product(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the products with rows as if the largest number of each were 1, and that number, ``[rows, 1]``."""
        top = rows.abs().amax(-1, keepdim=True).clamp_min_(_TINY)
        exact = torch.div(rows, top * (1 / MOST))
        if not self.fine:
            return self.times(exact), top
        rounded = exact.round()
        # One product of twice the rows: most of the time goes into reading the weights.
        found, rest = self.times(torch.cat((rounded, exact.sub_(rounded).mul_(2 * MOST)))).chunk(2)
        return torch.add(found, rest, alpha=1 / (2 * MOST)), top


_TINY, _BLOCK = 1e-12, 4096
