"""Weights in the layout of compiled products: rounded to 8 bits, padded, and in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...shape import Shape
from .native import LANES
from .plan import COLUMNS, Sizes
from .products import OUTPUTS

MOST = 127
"""The largest number that weights are rounded to, and the negative of the smallest."""

_TINY, _BLOCK = 1e-12, 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A model's weights: ``table`` has the addresses (`Plan.weights`) of what is ``held``."""

    sizes: Sizes
    table: NDArray[np.int64]
    held: Sequence[Tensor]


def pack(shape: Shape, weights: Mapping[str, Tensor]) -> Packed:
    """Return rounded copies of weights by their names in transformers. Raises `KeyError` for what is missing."""
    query_norms = "model.layers.0.self_attn.q_norm.weight" in weights
    sizes = Sizes(
        layers=shape.layers,
        width=padded(shape.width, OUTPUTS),
        true_width=shape.width,
        inner=padded(shape.inner, OUTPUTS),
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head=2 * padded(shape.head // 2, LANES),
        true_head=shape.head,
        query_norms=int(query_norms),
        epsilon=shape.epsilon,
    )
    packing = _Packing(shape, sizes, weights)
    rows = [*(packing.layer(f"model.layers.{number}.") for number in range(shape.layers)), packing.around()]
    return Packed(sizes=sizes, table=np.array(rows, dtype=np.int64), held=packing.held)


def padded(count: int, to: int) -> int:
    """Return the next multiple of ``to``."""
    return -(-count // to) * to


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where the numbers of one side of a matrix go among ``size``; what is between them is 0."""

    places: Tensor
    size: int


def _plain(count: int, *, parts: int = 1) -> _Axis:
    """Return an axis of some parts that are padded each."""
    size = padded(count, OUTPUTS)
    starts = torch.arange(parts)[:, None] * size
    return _Axis((starts + torch.arange(count)).flatten(), parts * size)


def _heads(shape: Shape, count: int) -> _Axis:
    """Return an axis of heads, each with the first numbers of all pairs that turn before the second ones."""
    pairs, size = shape.head // 2, padded(shape.head // 2, LANES)
    starts = torch.arange(2 * count)[:, None] * size
    return _Axis((starts + torch.arange(pairs)).flatten(), 2 * count * size)


@dataclass(slots=True)
class _Packing:
    """Packs weights, keeps them and returns addresses."""

    shape: Shape
    sizes: Sizes
    weights: Mapping[str, Tensor]
    held: list[Tensor] = field(default_factory=list[Tensor])

    def layer(self, name: str) -> Sequence[int]:
        """Return the row of a layer."""
        shape = self.shape
        width, inner, head = _plain(shape.width), _plain(shape.inner), _heads(shape, 1)
        read, seen = _heads(shape, shape.heads + 2 * shape.kv_heads), _heads(shape, shape.heads)
        norms = ("self_attn.q_norm", "self_attn.k_norm")
        qkv = [f"{name}self_attn.{one}_proj" for one in "qkv"]
        return [
            self._norm(f"{name}input_layernorm", width),
            self._norm(f"{name}post_attention_layernorm", width),
            *(self._norm(name + norm, head) if self.sizes.query_norms else 0 for norm in norms),
            *self._matrix(qkv, read, width),
            *self._matrix([f"{name}self_attn.o_proj"], width, seen),
            *self._matrix(
                [f"{name}mlp.gate_proj", f"{name}mlp.up_proj"], _plain(shape.inner, parts=2), width
            ),
            *self._matrix([f"{name}mlp.down_proj"], width, inner),
        ]

    def around(self) -> Sequence[int]:
        """Return the row for what comes before and after the layers. A tied embedding is there once."""
        shape = self.shape
        width, words = _plain(shape.width), _plain(shape.vocabulary)
        embedding = self._matrix(["model.embed_tokens"], words, width)
        tied = shape.tied or "lm_head.weight" not in self.weights
        head = embedding if tied else self._matrix(["lm_head"], words, width)
        row = [self._norm("model.norm", width), 0, 0, 0, *head, *embedding]
        return [*row, *[0] * (COLUMNS - len(row))]

    def _kept(self, tensor: Tensor) -> int:
        self.held.append(tensor)
        address: int = tensor.data_ptr()
        return address

    def _norm(self, name: str, axis: _Axis) -> int:
        return self._kept(_spread(self.weights[f"{name}.weight"].float(), axis))

    def _matrix(self, names: Sequence[str], outputs: _Axis, inputs: _Axis) -> Sequence[int]:
        """Return a matrix of several, whose outputs stand one after the other (`Matrix`)."""
        weight = torch.cat([self.weights[f"{name}.weight"] for name in names])
        biases = [self.weights[f"{name}.bias"] for name in names if f"{name}.bias" in self.weights]
        bias = torch.cat(biases).float() if biases else torch.zeros(len(weight))
        rounded, scale = rounded_weights(weight)
        size = padded(outputs.size, OUTPUTS)
        whole = torch.zeros(size, inputs.size, dtype=torch.int8)
        for start in range(0, len(rounded), _BLOCK):
            block = rounded[start : start + _BLOCK]
            wide = torch.zeros(len(block), inputs.size, dtype=torch.int8)
            wide[:, inputs.places] = block
            whole[outputs.places[start : start + _BLOCK]] = wide
        packed = whole.view(size // LANES, LANES, inputs.size // 2, 2).transpose(1, 2).contiguous()
        axis = _Axis(outputs.places, size)
        return [self._kept(one) for one in (packed, _spread(scale, axis), _spread(bias, axis))] + [
            inputs.size,
            size,
        ]


def _spread(numbers: Tensor, axis: _Axis) -> Tensor:
    found = torch.zeros(axis.size)
    found[axis.places] = numbers
    return found


def rounded_weights(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights ``[out, in]`` in 8 bits and what a 1 is worth in each output, ``[out]``."""
    rounded, scale = torch.empty(weight.shape, dtype=torch.int8), torch.empty(len(weight))
    # Some rows at a time: all at once would take nine times the memory of the result.
    for start in range(0, len(weight), _BLOCK):
        block = weight[start : start + _BLOCK].float()
        scale[start : start + _BLOCK] = block.abs().amax(-1).mul_(1 / MOST).clamp_min_(_TINY)
        rounded[start : start + _BLOCK] = (block / scale[start : start + _BLOCK, None]).round_()
    return rounded, scale
