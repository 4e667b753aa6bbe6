"""Llamas of random weights in the sizes that the bench measures: speed depends on shapes, not on what was learned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..byte_pairs import byte_pairs
from ..tensors import Tensor, save
from ..testing import SPECIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a Llama whose embeddings serve as its output layer too. ``window`` is in tokens."""

    width: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int = 8192
    window: int = 4096

    @property
    def parameters(self) -> int:
        """How many there are, each counted once."""
        block = sum(rows * columns for rows, columns in self.matrices().values()) + 2 * self.width
        return self.layers * block + (self.vocabulary + 1) * self.width

    def matrices(self) -> dict[str, tuple[int, int]]:
        """Return the matrices of a layer."""
        kv = self.width * self.kv_heads // self.heads
        return {
            "self_attn.q_proj.weight": (self.width, self.width),
            "self_attn.k_proj.weight": (kv, self.width),
            "self_attn.v_proj.weight": (kv, self.width),
            "self_attn.o_proj.weight": (self.width, self.width),
            "mlp.gate_proj.weight": (self.inner, self.width),
            "mlp.up_proj.weight": (self.inner, self.width),
            "mlp.down_proj.weight": (self.width, self.inner),
        }


M30 = Shape(width=512, inner=1408, layers=8, heads=8, kv_heads=8)
"""29.9 million parameters: what the goals are about."""

M10 = Shape(width=256, inner=704, layers=10, heads=4, kv_heads=4)
"""10.1 million parameters."""


def random_llama(folder: Path, shape: Shape, *, seed: int = 0) -> Path:
    """Write a model that transformers, our engine and llama.cpp's converters load to ``folder``; return it.

    The tokenizer has the 256 bytes and names without a meaning up to the size of the vocabulary.
    """
    import numpy as np
    from tokenizers.pre_tokenizers import ByteLevel

    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)

    def tensor(name: str, *size: int) -> Tensor:
        def values() -> object:
            if len(size) == 1:
                return np.ones(size, dtype=np.float32)
            return random.standard_normal(size, dtype=np.float32) * np.float32(0.02)

        return Tensor(name=name, shape=size, values=values)

    tensors = [tensor("model.embed_tokens.weight", shape.vocabulary, shape.width)]
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}"
        tensors += [tensor(f"{prefix}.{name}", *size) for name, size in shape.matrices().items()]
        tensors += [
            tensor(f"{prefix}.{name}.weight", shape.width)
            for name in ("input_layernorm", "post_attention_layernorm")
        ]
    save(folder / "model.safetensors", [*tensors, tensor("model.norm.weight", shape.width)])
    names = [*SPECIAL, *sorted(ByteLevel.alphabet())]
    names += [f"<{number}>" for number in range(len(names), shape.vocabulary)]
    byte_pairs(names, (), SPECIAL).save(str(folder / "tokenizer.json"))
    _write(folder, shape)
    return folder


def _write(folder: Path, shape: Shape) -> None:
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "hidden_size": shape.width,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "max_position_embeddings": shape.window,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL[1],
        "eos_token": SPECIAL[2],
        "pad_token": SPECIAL[0],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2), encoding="utf-8")
