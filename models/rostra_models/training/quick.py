"""Llama's norm, rotation and gated layer on a processor, in half of the operations: the same function, and its gradient by hand.

On a processor a small model's step is half matrix products and half what stands between them. PyTorch takes twenty operations
there and back for a norm, each a pass over memory; these take nine. Values agree to the last bits of float32. On a GPU,
compiling does more. Only transformers' own Llama classes are replaced, in float32 and outside of generation.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear, Module
from torch.nn.functional import scaled_dot_product_attention, silu

_SILU = {"SiLU", "SiLUActivation"}


class RootMeanSquare(torch.autograd.Function):  # type: ignore[misc]  # torch is not followed by mypy
    """``x / sqrt(mean(x²) + epsilon) * weight`` over the last dimension (Zhang and Sennrich 2019)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        library: Any = torch.linalg
        norm: Tensor = library.vector_norm(x, dim=-1, keepdim=True)
        inverse = norm.square_().mul_(1 / x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, inverse, weight)
        return (x * inverse).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, inverse, weight = ctx.saved_tensors
        given, width = upstream[0].contiguous(), x.shape[-1]
        library: Any = torch.ops.aten
        # A layer norm of mean 0 and this deviation has the same gradient, but for what its mean takes away.
        to_x, to_weight, _ = library.native_layer_norm_backward(
            given,
            x,
            [width],
            torch.zeros_like(inverse),
            inverse,
            weight,
            None,
            [True, ctx.needs_input_grad[1], False],
        )
        taken = torch.mv(given.view(-1, width), weight).view_as(inverse) * inverse
        return to_x.add_(taken, alpha=1 / width), to_weight, None


class Rotation(torch.autograd.Function):  # type: ignore[misc]
    """Pairs ``(i, i + half)`` of the last dimension turned by an angle (Su et al. 2021, in transformers' order)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        ctx.save_for_backward(cosines, sines)
        return _turned(x, cosines, sines, 1.0)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        cosines, sines = ctx.saved_tensors
        return _turned(upstream[0], cosines, sines, -1.0), None, None


class GatedLayer(torch.autograd.Function):  # type: ignore[misc]
    """``down(silu(gate(x)) * up(x))`` of rows ``x`` (Shazeer 2020, SwiGLU): the two ways back to ``x`` are added in a product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
        opened, passed = x @ gate.T, x @ up.T
        weighed = silu(opened)
        inner = weighed * passed
        ctx.save_for_backward(x, gate, up, down, opened, passed, weighed, inner)
        return inner @ down.T

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        x, gate, up, down, opened, passed, weighed, inner = ctx.saved_tensors
        needs = ctx.needs_input_grad
        library: Any = torch.ops.aten
        to_inner = upstream[0] @ down
        to_passed = to_inner * weighed
        to_opened = library.silu_backward(to_inner.mul_(passed), opened)
        return (
            torch.addmm(to_passed @ up, to_opened, gate) if needs[0] else None,
            to_opened.T @ x if needs[1] else None,
            to_passed.T @ x if needs[2] else None,
            upstream[0].T @ inner if needs[3] else None,
        )


def _turned(x: Tensor, cosines: Tensor, sines: Tensor, way: float) -> Tensor:
    half = x.shape[-1] // 2
    found = x * cosines
    found[..., :half].addcmul_(x[..., half:], sines[..., :half], value=-way)
    found[..., half:].addcmul_(x[..., :half], sines[..., half:], value=way)
    return found


def norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Return ``x`` with a root mean square of 1 over the last dimension, times ``weight``."""
    function: Any = RootMeanSquare  # torch says nothing of the type of what it applies
    found: Tensor = function.apply(x, weight, epsilon)
    return found


def rotated(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Return ``x`` (…, tokens, width) turned by the angles of ``cosines`` and ``sines``, which have no gradient."""
    function: Any = Rotation
    found: Tensor = function.apply(x, cosines, sines)
    return found


def gated(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """Return ``down(silu(gate(x)) * up(x))`` of ``x`` (…, width), the last three being matrices (out, in)."""
    function: Any = GatedLayer
    found: Tensor = function.apply(x.reshape(-1, x.shape[-1]), gate, up, down)
    return found.view(*x.shape[:-1], -1)


@contextmanager
def quickened(model: Module) -> Generator[int]:
    """Have the norms, attentions and gated layers of ``model`` computed so where they are Llama's. Lends how many are.

    Weights, names and what is written stay as they are, and behind it the model is wholly transformers' own again.
    """
    from transformers.models.llama import modeling_llama

    quick: Mapping[Any, Callable[[Any], type[Module]]] = {
        modeling_llama.LlamaRMSNorm: _norm_class,
        modeling_llama.LlamaAttention: _attention_class,
        modeling_llama.LlamaMLP: _gated_class,
    }
    searched: Any = model
    found: list[tuple[Any, Any]] = []
    if next(model.parameters()).device.type == "cpu":
        found = [(one, type(one)) for one in searched.modules() if type(one) in quick]
    for one, kind in found:
        one.__class__ = quick[kind](kind)
    try:
        yield len(found)
    finally:
        for one, kind in found:
            one.__class__ = kind


def _plain(*tensors: Tensor) -> bool:
    library: Any = torch
    return all(one.dtype == torch.float32 for one in tensors) and not library.is_autocast_enabled("cpu")


def _bare(one: Any) -> bool:
    """Whether a layer is its matrix: what a low-rank part adds, it adds in a hook."""
    return bool(one.__class__ is Linear and one.bias is None and not one._forward_hooks)  # noqa: SLF001


def _norm_class(base: Any) -> type[Module]:
    class QuickNorm(base):  # type: ignore[misc]
        def forward(self: Any, hidden_states: Tensor) -> Tensor:
            if not _plain(hidden_states, self.weight):
                other: Tensor = base.forward(self, hidden_states)
                return other
            return norm(hidden_states, self.weight, self.variance_epsilon)

    return QuickNorm


def _gated_class(base: Any) -> type[Module]:
    class QuickGated(base):  # type: ignore[misc]
        def forward(self: Any, x: Tensor) -> Tensor:
            parts: tuple[Any, ...] = (self.gate_proj, self.up_proj, self.down_proj)
            if (
                not all(map(_bare, parts))
                or type(self.act_fn).__name__ not in _SILU
                or not _plain(x, self.gate_proj.weight)
            ):
                other: Tensor = base.forward(self, x)
                return other
            return gated(x, *(one.weight for one in parts))

    return QuickGated


def _attention_class(base: Any) -> type[Module]:
    class QuickAttention(base):  # type: ignore[misc]
        def forward(
            self: Any,
            hidden_states: Tensor,
            position_embeddings: Any = None,
            attention_mask: Tensor | None = None,
            past_key_values: Any = None,
            **given: Any,
        ) -> tuple[Tensor, Any]:
            fused = self.config._attn_implementation == "sdpa"  # noqa: SLF001  where transformers keeps it
            if past_key_values is not None or not fused or not _plain(hidden_states, self.q_proj.weight):
                found: tuple[Tensor, Any] = base.forward(
                    self, hidden_states, position_embeddings, attention_mask, past_key_values, **given
                )
                return found
            rows, tokens = hidden_states.shape[:2]
            shape = (rows, tokens, -1, self.head_dim)
            cosines, sines = (one.unsqueeze(1) for one in position_embeddings)
            query = rotated(self.q_proj(hidden_states).view(shape).transpose(1, 2), cosines, sines)
            key = rotated(self.k_proj(hidden_states).view(shape).transpose(1, 2), cosines, sines)
            value = self.v_proj(hidden_states).view(shape).transpose(1, 2)
            seen = scaled_dot_product_attention(
                query,
                key,
                value,
                attn_mask=attention_mask,
                dropout_p=self.attention_dropout if self.training else 0.0,
                is_causal=attention_mask is None and tokens > 1,
                scale=self.scaling,
                enable_gqa=self.num_key_value_groups > 1,
            )
            return self.o_proj(seen.transpose(1, 2).reshape(rows, tokens, -1)), None

    return QuickAttention
