"""The forward pass of the Llama family: Llama, SmolLM2, Mistral, Qwen2 and Qwen3.

It is transformers' arithmetic with less around it: the tokens of all conversations go through the weights together, one
matrix for queries, keys and values and one for both halves of the gate, and attention reads each conversation's cache in
place. Rotations are products of complex numbers, so queries and keys have the two halves of a head interleaved.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

import torch
from torch import Tensor, dtype
from torch.nn.functional import scaled_dot_product_attention as attention
from torch.nn.functional import silu

from ..shape import Shape
from .cache import Cache, Stretch
from .linear import Linear, Norm
from .runner import Part


class Weigh(Protocol):
    """Makes a matrix of weights ``[out, in]`` and perhaps a bias.

    ``fine``: rounding its inputs would show, as in what is added to what goes through all layers; ``looked_up``: its rows
    are asked for.
    """

    def __call__(
        self, weight: Tensor, bias: Tensor | None, *, fine: bool = False, looked_up: bool = False
    ) -> Linear: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Weights of one layer; ``query_norm`` and ``key_norm`` are Qwen3's."""

    before: Norm
    qkv: Linear
    out: Linear
    after: Norm
    gates: Linear
    down: Linear
    query_norm: Norm | None = None
    key_norm: Norm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """The types of numbers: of what goes from layer to layer, and of keys and values that are ``kept``."""

    hidden: dtype
    kept: dtype


class Llama:
    """A loaded model. Not for several threads at once."""

    def __init__(self, shape: Shape, weights: Mapping[str, Tensor], weigh: Weigh, kinds: Kinds) -> None:
        """``weights`` by their names in transformers; ``weigh`` makes the matrices."""
        self.shape = shape
        self.dtype, self.kept = kinds.hidden, kinds.kept
        self.token_bytes = 2 * shape.layers * shape.kv_heads * shape.head * kinds.kept.itemsize
        self._embedding = weigh(weights["model.embed_tokens.weight"], None, fine=True, looked_up=True)
        head = weights.get("lm_head.weight")
        self._head = self._embedding if shape.tied or head is None else weigh(head, None, fine=True)
        self._norm = Norm(weights["model.norm.weight"].to(kinds.hidden, copy=True), shape.epsilon)
        self._layers = [_layer(shape, weights, number, weigh, kinds.hidden) for number in range(shape.layers)]
        self._angles = torch.tensor(shape.rotations, dtype=torch.float64)
        with torch.inference_mode():
            hidden, turns = torch.zeros(2, shape.width, dtype=self.dtype), self._turns([0, 1])
            seen = torch.zeros(2, shape.heads * shape.head, dtype=self.dtype)
            self._asks = [recorded(partial(_asked, shape), layer, hidden, turns) for layer in self._layers]
            self._rests = [recorded(_rest, layer, hidden, seen) for layer in self._layers]

    def memory(self, room: int) -> Cache:
        """Return an empty cache for ``room`` tokens."""
        return Cache(self.shape, room, self.kept)

    def forward(self, parts: Sequence[Part], *, every: bool = False) -> Tensor:
        """Read each part's tokens into its cache, in order. Return logits in 32 bits.

        Shape: ``[parts that want some, vocabulary]``, after the last token of each; with ``every``,
        ``[tokens, vocabulary]``, after each token of each part.
        """
        with torch.inference_mode():
            runs = self._runs(parts)
            hidden = self._embedding.rows(torch.tensor([token for part in parts for token in part.tokens]))
            turns = self._turns([at for run in runs for at in run.positions])
            for number, (ask, rest) in enumerate(zip(self._asks, self._rests, strict=True)):
                hidden = rest(hidden, self._seen(number, ask(hidden, turns), runs))
            wanted = [run.last for run, part in zip(runs, parts, strict=True) if part.wanted]
            if not every and len(wanted) < len(hidden):
                hidden = hidden[wanted]
            return self._head.normed(hidden, self._norm).float()

    def _runs(self, parts: Sequence[Part]) -> list[_Run]:
        found: list[_Run] = []
        first = 0
        for part in parts:
            found.append(_Run(part, first, _mask(part, self.shape.group, self.kept)))
            first += len(part.tokens)
        return found

    def _turns(self, positions: Sequence[int]) -> Tensor:
        """Return how far each token's queries and keys are turned, ``[tokens, 1, head / 2]``, as complex numbers."""
        angles = torch.outer(torch.tensor(positions, dtype=torch.float64), self._angles).float()
        return torch.polar(torch.ones_like(angles), angles)[:, None]

    def _seen(self, number: int, read: Tensor, runs: Sequence[_Run]) -> Tensor:
        """Write the keys and values that were ``read``. Return what the queries see, ``[tokens, heads x head]``."""
        shape, tokens = self.shape, len(read)
        lengths = [run.tokens for run in runs]
        torch._foreach_copy_(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # one call for all conversations
            [run.stretch.write[number] for run in runs], read[:, shape.heads :].split_with_sizes(lengths)
        )
        queries = read[:, : shape.heads].to(self.kept).view(tokens, shape.kv_heads, shape.group, shape.head)
        seen = [
            _attention(asked, run, number)
            for asked, run in zip(queries.split_with_sizes(lengths), runs, strict=True)
        ]
        return (seen[0] if len(seen) == 1 else torch.cat(seen)).reshape(tokens, -1).to(self.dtype)


class _Function(torch.nn.Module):  # type: ignore[misc]  # torch is not typed for mypy
    """A function of two tensors and the layer it multiplies with, in the one form of which torch can record packed weights."""

    def __init__(self, function: Callable[[Layer, Tensor, Tensor], Tensor], layer: Layer) -> None:
        super().__init__()
        self._call = partial(function, layer)
        for name in ("qkv", "out", "gates", "down"):
            setattr(self, name, getattr(layer, name).held)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return self._call(one, other)


def recorded(
    function: Callable[[Layer, Tensor, Tensor], Tensor], layer: Layer, *example: Tensor
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return ``function`` of a layer as the list of operations that it makes of ``example``: it runs without the interpreter.

    That halves the time of a step of a small model. Only the first size of a tensor may differ from the example's.
    torch has deprecated the recorder, and Python 3.14 is without it: there the function itself is returned.
    """
    if sys.version_info >= (3, 14):
        return partial(function, layer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: Callable[[Tensor, Tensor], Tensor] = cast("Any", torch.jit).trace(
            _Function(function, layer).eval(), example, check_trace=False
        )
    return made


def _asked(shape: Shape, layer: Layer, hidden: Tensor, turns: Tensor) -> Tensor:
    """Return queries, keys and values, ``[tokens, heads + 2 x kv_heads, head]``, the first two turned by position."""
    heads, both = shape.heads, shape.heads + shape.kv_heads
    read = layer.qkv.normed(hidden, layer.before).view(-1, both + shape.kv_heads, shape.head)
    if layer.query_norm is not None and layer.key_norm is not None:
        read[:, :heads] = layer.query_norm(read[:, :heads])
        read[:, heads:both] = layer.key_norm(read[:, heads:both])
    pairs = read.view(-1, both + shape.kv_heads, shape.head // 2, 2)[:, :both]
    if read.dtype == torch.float32:
        torch.view_as_complex(pairs).mul_(turns)
    else:
        pairs.copy_(torch.view_as_real(torch.view_as_complex(pairs.float()) * turns))
    return read


def _rest(layer: Layer, hidden: Tensor, seen: Tensor) -> Tensor:
    """Return what a layer makes of its input and what its tokens saw (feed-forward: https://arxiv.org/abs/2002.05202)."""
    hidden = layer.out.added(seen, hidden)
    gate, up = layer.gates.normed(hidden, layer.after).chunk(2, -1)
    return layer.down.added(silu(gate).mul_(up), hidden)


class _Run:
    """Where the tokens of one part are among those of all parts, and where its keys and values go."""

    __slots__ = ("last", "mask", "positions", "stretch", "tokens")

    def __init__(self, part: Part, first: int, mask: Tensor | None) -> None:
        memory: Cache = part.memory
        self.tokens = len(part.tokens)
        self.positions = range(memory.length, memory.length + self.tokens)
        self.last = first + self.tokens - 1
        self.mask = mask
        self.stretch: Stretch = memory.extend(self.tokens)


def _mask(part: Part, group: int, numbers: dtype) -> Tensor | None:
    """Return what is added to what each new token thinks of each it might see, ``[group x new, all]``.

    None if there is one new token, which sees all.
    """
    new, before = len(part.tokens), int(part.memory.length)
    if new == 1:
        return None
    unseen = torch.ones(new, before + new, dtype=torch.bool).triu_(before + 1)
    return torch.zeros(new, before + new, dtype=numbers).masked_fill_(unseen, -torch.inf).repeat(group, 1)


def _attention(queries: Tensor, run: _Run, number: int) -> Tensor:
    """Return what the queries ``[tokens, kv_heads, group, head]`` of one part see, in the same shape."""
    keys, values = run.stretch.keys[number], run.stretch.values[number]
    if run.mask is None:
        return attention(queries, keys, values)
    # The queries that share keys stand one after the other, as if they were tokens.
    tokens, kv_heads, group, head = queries.shape
    rows = queries.permute(1, 2, 0, 3).reshape(1, kv_heads, group * tokens, head)
    seen = attention(rows, keys, values, attn_mask=run.mask)
    return seen.view(kv_heads, group, tokens, head).permute(2, 0, 1, 3)


def _layer(shape: Shape, weights: Mapping[str, Tensor], number: int, weigh: Weigh, numbers: dtype) -> Layer:
    def named(name: str) -> Tensor | None:
        return weights.get(f"model.layers.{number}.{name}")

    def matrix(*names: str, fine: bool = False) -> Linear:
        found = [_interleaved(name, named(f"{name}.weight"), shape) for name in names]
        biases = [_interleaved(name, named(f"{name}.bias"), shape) for name in names]
        bias = None if biases[0] is None else torch.cat([one for one in biases if one is not None])
        return weigh(torch.cat([one for one in found if one is not None]), bias, fine=fine)

    def norm(name: str) -> Norm | None:
        found = _interleaved(name, named(f"{name}.weight"), shape)
        return None if found is None else Norm(found.to(numbers, copy=True), shape.epsilon)

    before, after = norm("input_layernorm"), norm("post_attention_layernorm")
    if before is None or after is None:
        raise ValueError(f"layer {number} has no norms")
    return Layer(
        before=before,
        qkv=matrix("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        out=matrix("self_attn.o_proj", fine=True),
        after=after,
        gates=matrix("mlp.gate_proj", "mlp.up_proj"),
        down=matrix("mlp.down_proj", fine=True),
        query_norm=norm("self_attn.q_norm"),
        key_norm=norm("self_attn.k_norm"),
    )


_TURNED = frozenset({"self_attn.q_proj", "self_attn.k_proj", "self_attn.q_norm", "self_attn.k_norm"})


def _interleaved(name: str, weight: Tensor | None, shape: Shape) -> Tensor | None:
    """Return the weights of queries and keys with the two numbers that turn together side by side."""
    if weight is None or name not in _TURNED:
        return weight
    heads = weight.shape[0] // shape.head
    return weight.view(heads, 2, shape.head // 2, -1).transpose(1, 2).reshape(weight.shape)
