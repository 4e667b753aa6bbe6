"""New models of the shapes of GPT-2 and Llama: transformers' own classes, with weights drawn from the seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .settings import Count, Section

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class ShapeSettings(Section):
    """``[shape]``: what a model is built like."""

    kind: Literal["llama", "gpt2"] = Field(
        default="llama",
        description="Llama has rotations, RMSNorm and SwiGLU; gpt2 is GPT-2, learned positions.",
    )
    layers: Count = Field(default=4, description="Blocks one after the other.")
    width: Count = Field(default=128, description="Numbers that stand for a token.")
    heads: Count = Field(default=4, description="Attention heads in a block.")
    key_heads: Count | None = Field(default=None, description="Heads of keys and values; as heads if none.")
    inner: Count | None = Field(
        default=None,
        description="Width inside a block's feed-forward part; about 8/3 (Llama) or 4 times the width.",
    )
    tied: bool = Field(default=True, description="Read tokens and say them with the same weights.")
    rotation_base: Annotated[float, Field(gt=0)] = Field(
        default=10000.0, description="Llama: the slowest rotation takes about this many tokens."
    )
    spread: Annotated[float, Field(gt=0)] = Field(
        default=0.02, description="Standard deviation of the first weights."
    )
    calm: bool = Field(
        default=True,
        description="First weights of what a block adds are smaller by the root of twice the layers.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width % self.heads or self.width // self.heads % 2:
            raise ValueError(
                f"width is {self.width!r}: an even number for each of {self.heads!r} heads is needed"
            )
        if self.key_heads and (self.heads % self.key_heads or self.kind == "gpt2"):
            raise ValueError(
                f"key_heads is {self.key_heads!r}: a divisor of heads is needed, and gpt2 has none"
            )
        return self

    @property
    def inner_width(self) -> int:
        """The width inside a block's feed-forward part: a multiple of 8 where it was left to us."""
        if self.inner:
            return self.inner
        return 4 * self.width if self.kind == "gpt2" else 8 * math.ceil(self.width * 8 / 3 / 8)


def new_model(
    shape: ShapeSettings, *, vocabulary: int, context: int, special: dict[str, int] | None = None
) -> PreTrainedModel:
    """Return a model in 32 bits with random weights: draw from PyTorch's generator, seed it first.

    ``context`` is the most tokens it reads, ``special`` its token ids by their names in transformers' configurations
    (``eos_token_id``, ``pad_token_id``, ``bos_token_id``).
    """
    import torch

    build = _gpt2 if shape.kind == "gpt2" else _llama
    model: Any = build(shape, vocabulary, context, special or {})
    if shape.calm:
        ends = ("o_proj.weight", "down_proj.weight", "c_proj.weight")
        for name, one in model.named_parameters():
            if name.endswith(ends):
                torch.nn.init.normal_(one, std=shape.spread / math.sqrt(2 * shape.layers))
    made: PreTrainedModel = model.float()
    return made


def _llama(shape: ShapeSettings, vocabulary: int, context: int, special: dict[str, int]) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    rotations: Any = {"rope_type": "default", "rope_theta": shape.rotation_base}
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner_width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads or shape.heads,
        max_position_embeddings=context,
        rope_parameters=rotations,
        tie_word_embeddings=shape.tied,
        initializer_range=shape.spread,
        **_specials(special),
    )
    config._attn_implementation = "sdpa"  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  what from_pretrained sets
    return LlamaForCausalLM(config)


def _gpt2(shape: ShapeSettings, vocabulary: int, context: int, special: dict[str, int]) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        n_inner=shape.inner_width,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        tie_word_embeddings=shape.tied,
        initializer_range=shape.spread,
        **_specials(special),
    )
    config._attn_implementation = "sdpa"  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  what from_pretrained sets
    return GPT2LMHeadModel(config)


def _specials(special: dict[str, int]) -> dict[str, Any]:
    """Return the special tokens, none where there is none: the classes' defaults are other models' numbers."""
    return {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, **special}
