"""From a GGUF file of the Llama family to a folder that transformers loads, without torch and tensor by tensor.

transformers reads GGUF files too, but takes four times as long for the embedded model (it parses the file once each
for configuration, tokenizer and weights), needs ``accelerate``, and refuses to save what it read (5.23: "quantized
with gguf and is not serializable"). The formats: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and
https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

from rostra.errors import ModelError

_BLOCK = {
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "attn_norm.weight": "input_layernorm.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
}
_OUTER = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_CONTROL = 3
"""The token type of special tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A tensor to be written: ``values`` makes it (float32) when its turn comes."""

    name: str
    shape: tuple[int, ...]
    values: Callable[[], Any]


def convert(
    file: Path, folder: Path, *, generation: Mapping[str, float], progress: Callable[[float], None]
) -> Mapping[str, str]:
    """Write the model in ``file`` to ``folder`` as float32: configuration, tokenizer and weights.

    ``generation`` goes to ``generation_config.json``; ``progress`` hears a share of 1. Return the weight files with their
    SHA-256. Raises `ModelError` if the file is of another kind.
    """
    from gguf import GGUFReader

    progress(0.0)
    reader = GGUFReader(file)
    fields: dict[str, Any] = {name: field.contents() for name, field in reader.fields.items()}
    progress(0.3)  # of the time: reading 98,000 strings one by one takes it
    kinds = (
        fields["general.architecture"],
        fields.get("tokenizer.ggml.model"),
        fields.get("tokenizer.ggml.pre"),
    )
    if kinds != ("llama", "gpt2", "smollm"):
        raise ModelError(
            f"{file.name!r} is of kind {kinds!r}; only ('llama', 'gpt2', 'smollm') can be converted"
        )
    tensors = [_tensor(one, fields) for one in reader.tensors]
    config = _config(fields, tied=all(one.name != "lm_head.weight" for one in tensors))
    _write(folder / "config.json", config)
    ends = {name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    _write(folder / "generation_config.json", {**ends, **generation})
    _write_tokenizer(folder, fields)
    digest = save(folder / "model.safetensors", tensors, progress=lambda share: progress(0.3 + 0.7 * share))
    return {"model.safetensors": digest}


def save(file: Path, tensors: Sequence[Tensor], *, progress: Callable[[float], None] = lambda _: None) -> str:
    """Write a safetensors file of float32, with no more than one tensor in memory. Return its SHA-256."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        start, end = end, end + 4 * prod(tensor.shape)
        header[tensor.name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    digest = hashlib.sha256()
    with file.open("wb") as opened:
        for chunk in (len(head).to_bytes(8, "little"), head):
            digest.update(chunk)
            opened.write(chunk)
        for tensor in tensors:
            chunk = tensor.values().astype("<f4").tobytes()
            digest.update(chunk)
            opened.write(chunk)
            progress(header[tensor.name]["data_offsets"][1] / end)
    return digest.hexdigest()


def _tensor(one: Any, fields: Mapping[str, Any]) -> Tensor:
    from gguf import dequantize

    name = str(one.name)
    shape = tuple(int(size) for size in reversed(one.shape))
    heads = {"attn_q": "llama.attention.head_count", "attn_k": "llama.attention.head_count_kv"}
    kind = name.split(".")[-2]

    def values() -> Any:
        found: Any = dequantize(one.data, one.tensor_type).reshape(shape)
        return in_halves(found, fields[heads[kind]]) if kind in heads else found

    return Tensor(name=_name(name), shape=shape, values=values)


def in_halves(weights: Any, heads: int) -> Any:
    """Return the rows of each head in transformers' order for rotary embeddings, the first of all pairs first.

    llama.cpp keeps the two of a pair side by side (``permute`` in its ``convert_hf_to_gguf.py``).
    """
    rows, columns = weights.shape
    return weights.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _name(name: str) -> str:
    if name in _OUTER:
        return _OUTER[name]
    prefix, number, rest = name.split(".", 2)
    if prefix != "blk" or rest not in _BLOCK:
        raise ModelError(f"no Llama has a tensor {name!r}")
    return f"model.layers.{number}.{_BLOCK[rest]}"


def _config(fields: Mapping[str, Any], *, tied: bool) -> Mapping[str, Any]:
    def of(name: str) -> Any:
        return fields[f"llama.{name}"]

    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "hidden_size": of("embedding_length"),
        "intermediate_size": of("feed_forward_length"),
        "num_hidden_layers": of("block_count"),
        "num_attention_heads": of("attention.head_count"),
        "num_key_value_heads": of("attention.head_count_kv"),
        "max_position_embeddings": of("context_length"),
        "rms_norm_eps": of("attention.layer_norm_rms_epsilon"),
        "rope_parameters": {"rope_type": "default", "rope_theta": of("rope.freq_base")},
        "vocab_size": of("vocab_size"),
        "tie_word_embeddings": tied,
        "hidden_act": "silu",
        "bos_token_id": fields["tokenizer.ggml.bos_token_id"],
        "eos_token_id": fields["tokenizer.ggml.eos_token_id"],
        "pad_token_id": fields["tokenizer.ggml.padding_token_id"],
    }


def _write_tokenizer(folder: Path, fields: Mapping[str, Any]) -> None:
    names: list[str] = fields["tokenizer.ggml.tokens"]
    special = [
        name
        for name, kind in zip(names, fields["tokenizer.ggml.token_type"], strict=True)
        if kind == _CONTROL
    ]
    byte_pairs(names, fields["tokenizer.ggml.merges"], special).save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": fields["tokenizer.chat_template"],
        "model_max_length": fields["llama.context_length"],
        "clean_up_tokenization_spaces": False,
    }
    for kind, field in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        settings[f"{kind}_token"] = names[fields[f"tokenizer.ggml.{field}_token_id"]]
    _write(folder / "tokenizer_config.json", settings)


def byte_pairs(names: Sequence[str], merges: Sequence[str], special: Sequence[str]) -> Any:
    r"""Return a byte-level BPE tokenizer that takes digits one by one, as SmolLM's does.

    Llama.cpp calls it ``smollm``; transformers 5.23 overlooks that and splits ``"\n\n1"`` otherwise.
    """
    tokenizers: Any = import_module("tokenizers")
    vocabulary = {name: number for number, name in enumerate(names)}
    pairs = [tuple(pair.split(" ")) for pair in merges]
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=pairs))
    split = tokenizers.pre_tokenizers
    made.pre_tokenizer = split.Sequence(
        [split.Digits(individual_digits=True), split.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens([tokenizers.AddedToken(name, special=True, normalized=False) for name in special])
    return made


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
