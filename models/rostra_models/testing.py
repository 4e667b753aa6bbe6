"""A Llama small enough for tests, made on the spot: 25,000 random parameters, the same for the same seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from .byte_pairs import byte_pairs
from .tensors import Tensor, save

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_WIDTH, _INNER, _LAYERS, _HEADS, _KV_HEADS = 32, 64, 2, 4, 2
_SPEAKS = ascii_lowercase + " "


def tiny_llama(folder: Path, *, window: int = 4096, seed: int = 0, template: str | None = TEMPLATE) -> Path:
    """Write the model to ``folder`` and return it.

    It has a token for each byte and answers with random small letters and spaces, rarely ever ending of itself; a
    token takes a millisecond or two. transformers loads it like any other.
    """
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    names = [*SPECIAL, *_bytes()]
    byte_pairs(names, (), SPECIAL).save(str(folder / "tokenizer.json"))
    random = np.random.default_rng(seed)

    def tensor(name: str, *shape: int, scale: float = 0.3) -> Tensor:
        made = np.ones(shape) if len(shape) == 1 else random.normal(0.0, scale, shape)
        return Tensor(name=name, shape=shape, values=lambda: made)

    head = random.normal(0.0, 0.7, (len(names), _WIDTH))
    head[[name not in _SPEAKS.replace(" ", "Ġ") for name in names]] = (
        0  # the rest is never said: letters outdo it
    )
    tensors = [
        tensor("model.embed_tokens.weight", len(names), _WIDTH, scale=1.0),
        tensor("model.norm.weight", _WIDTH),
        Tensor(name="lm_head.weight", shape=head.shape, values=lambda: head),
    ]
    for layer in range(_LAYERS):
        tensors += [tensor(f"model.layers.{layer}.{name}", *shape) for name, shape in _shapes().items()]
    save(folder / "model.safetensors", tensors)
    _write(folder / "config.json", _config(window, len(names)))
    chat = {} if template is None else {"chat_template": template}
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            **chat,
        },
    )
    return folder


def _bytes() -> list[str]:
    """Return the characters that stand for the 256 bytes in byte-level tokenizers (GPT-2's table)."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def _shapes() -> Mapping[str, tuple[int, ...]]:
    kv = _WIDTH * _KV_HEADS // _HEADS
    return {
        "self_attn.q_proj.weight": (_WIDTH, _WIDTH),
        "self_attn.k_proj.weight": (kv, _WIDTH),
        "self_attn.v_proj.weight": (kv, _WIDTH),
        "self_attn.o_proj.weight": (_WIDTH, _WIDTH),
        "mlp.gate_proj.weight": (_INNER, _WIDTH),
        "mlp.up_proj.weight": (_INNER, _WIDTH),
        "mlp.down_proj.weight": (_WIDTH, _INNER),
        "input_layernorm.weight": (_WIDTH,),
        "post_attention_layernorm.weight": (_WIDTH,),
    }


def _config(window: int, vocabulary: int) -> Mapping[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "hidden_size": _WIDTH,
        "intermediate_size": _INNER,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _KV_HEADS,
        "max_position_embeddings": window,
        "vocab_size": vocabulary,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")
