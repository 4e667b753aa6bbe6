"""The forward pass of the Llama family in PyTorch: Llama, SmolLM2, Mistral, Qwen2 and Qwen3 in 32 or 16 bits.

It is transformers' arithmetic with less around it: the tokens of all conversations go through the weights together, one
matrix for queries, keys and values and one for both halves of the gate, and attention reads each conversation's cache in
place. Rotations are products of complex numbers, so queries and keys have the two halves of a head interleaved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, dtype
from torch.nn.functional import linear, rms_norm, silu
from torch.nn.functional import scaled_dot_product_attention as attention

from ..shape import Shape
from .cache import Cache, Stretch
from .runner import Part


@dataclass(frozen=True, slots=True)
class Matrix:
    """Weights ``[out, in]`` with an optional bias ``[out]``."""

    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, rows: Tensor) -> Tensor:
        return linear(rows, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class Norm:
    """Makes rows of length 1 on average and weighs their numbers (RMSNorm, https://arxiv.org/abs/1910.07467)."""

    weight: Tensor  # [in]
    epsilon: float

    def __call__(self, rows: Tensor) -> Tensor:
        return rms_norm(rows, self.weight.shape, self.weight, self.epsilon)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Weights of one layer; ``query_norm`` and ``key_norm`` are Qwen3's."""

    before: Norm
    qkv: Matrix
    out: Matrix
    after: Norm
    gates: Matrix
    down: Matrix
    query_norm: Norm | None = None
    key_norm: Norm | None = None


class Llama:
    """A loaded model. Not for several threads at once."""

    def __init__(self, shape: Shape, weights: Mapping[str, Tensor], numbers: dtype) -> None:
        """``weights`` by their names in transformers; ``numbers`` is the type of all that is computed with."""
        self.shape = shape
        self.dtype = numbers
        self.token_bytes = 2 * shape.layers * shape.kv_heads * shape.head * numbers.itemsize
        self._embedding = Matrix(weights["model.embed_tokens.weight"].to(numbers, copy=True))
        head = weights.get("lm_head.weight")
        self._head = self._embedding if shape.tied or head is None else Matrix(head.to(numbers, copy=True))
        self._norm = Norm(weights["model.norm.weight"].to(numbers, copy=True), shape.epsilon)
        self._layers = [_layer(shape, weights, number, numbers) for number in range(shape.layers)]
        self._angles = torch.tensor(shape.rotations, dtype=torch.float64)

    def memory(self, room: int) -> Cache:
        """Return an empty cache for ``room`` tokens."""
        return Cache(self.shape, room, self.dtype)

    def forward(self, parts: Sequence[Part], *, every: bool = False) -> Tensor:
        """Read each part's tokens into its cache, in order. Return logits in 32 bits.

        Shape: ``[parts that want some, vocabulary]``, after the last token of each; with ``every``,
        ``[tokens, vocabulary]``, after each token of each part.
        """
        with torch.inference_mode():
            runs = self._runs(parts)
            hidden = self._embedding.weight[[token for part in parts for token in part.tokens]]
            turns = self._turns([at for run in runs for at in run.positions])
            for number, layer in enumerate(self._layers):
                seen = self._seen(number, _asked(self.shape, layer, hidden, turns), runs)
                hidden = hidden + layer.out(seen)
                # SwiGLU, https://arxiv.org/abs/2002.05202
                gate, up = layer.gates(layer.after(hidden)).chunk(2, -1)
                hidden = hidden + layer.down(silu(gate).mul_(up))
            wanted = [run.last for run, part in zip(runs, parts, strict=True) if part.wanted]
            if not every and len(wanted) < len(hidden):
                hidden = hidden[wanted]
            return self._head(self._norm(hidden)).float()

    def _runs(self, parts: Sequence[Part]) -> list[_Run]:
        found: list[_Run] = []
        first = 0
        for part in parts:
            found.append(_Run(part, first, _mask(part, self.shape.group, self.dtype)))
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
        queries = read[:, : shape.heads].reshape(tokens, shape.kv_heads, shape.group, shape.head)
        seen = [
            _attention(asked, run, number)
            for asked, run in zip(queries.split_with_sizes(lengths), runs, strict=True)
        ]
        return torch.cat(seen).reshape(tokens, -1)


def _asked(shape: Shape, layer: Layer, hidden: Tensor, turns: Tensor) -> Tensor:
    """Return queries, keys and values, ``[tokens, heads + 2 x kv_heads, head]``, the first two turned by position."""
    heads, both = shape.heads, shape.heads + shape.kv_heads
    read = layer.qkv(layer.before(hidden)).view(-1, both + shape.kv_heads, shape.head)
    if layer.query_norm is not None and layer.key_norm is not None:
        read[:, :heads] = layer.query_norm(read[:, :heads])
        read[:, heads:both] = layer.key_norm(read[:, heads:both])
    pairs = read.view(-1, both + shape.kv_heads, shape.head // 2, 2)[:, :both]
    if read.dtype == torch.float32:
        torch.view_as_complex(pairs).mul_(turns)
    else:
        pairs.copy_(torch.view_as_real(torch.view_as_complex(pairs.float()) * turns))
    return read


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


def _layer(shape: Shape, weights: Mapping[str, Tensor], number: int, numbers: dtype) -> Layer:
    def named(name: str) -> Tensor | None:
        found = weights.get(f"model.layers.{number}.{name}")
        return None if found is None else _interleaved(name.rpartition(".")[0], found, shape)

    def matrix(*names: str) -> Matrix:
        found = [[named(f"{name}.{kind}") for name in names] for kind in ("weight", "bias")]
        weight, bias = ([one for one in several if one is not None] for several in found)
        return Matrix(torch.cat(weight).to(numbers), torch.cat(bias).to(numbers) if bias else None)

    def norm(name: str) -> Norm | None:
        found = named(f"{name}.weight")
        return None if found is None else Norm(found.to(numbers, copy=True), shape.epsilon)

    before, after = norm("input_layernorm"), norm("post_attention_layernorm")
    if before is None or after is None:
        raise ValueError(f"layer {number} has no norms")
    return Layer(
        before=before,
        qkv=matrix("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        out=matrix("self_attn.o_proj"),
        after=after,
        gates=matrix("mlp.gate_proj", "mlp.up_proj"),
        down=matrix("mlp.down_proj"),
        query_norm=norm("self_attn.q_norm"),
        key_norm=norm("self_attn.k_norm"),
    )


_TURNED = frozenset({"self_attn.q_proj", "self_attn.k_proj", "self_attn.q_norm", "self_attn.k_norm"})


def _interleaved(name: str, weight: Tensor, shape: Shape) -> Tensor:
    """Return the weights of queries and keys with the two numbers that turn together side by side."""
    if name not in _TURNED:
        return weight
    heads = weight.shape[0] // shape.head
    return weight.view(heads, 2, shape.head // 2, -1).transpose(1, 2).reshape(weight.shape)
