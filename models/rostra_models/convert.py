"""From a GGUF file to a folder that transformers loads, without torch and tensor by tensor for the Llama family.

transformers reads GGUF files too, but takes four times as long for the embedded model (it parses the file once each
for configuration, tokenizer and weights), needs ``accelerate``, and refuses to save what it read (5.23: "quantized
with gguf and is not serializable"). So it is only asked about architectures that are not known here
(`rostra_models.convert_other`). The formats: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and
https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rostra.errors import ModelError

from .byte_pairs import KINDS, byte_pairs
from .gguf_file import GgufFile, opened, shape_of, unpacked
from .rope import llama3_from
from .tensors import Kept, Tensor, save

FAMILY: Mapping[str, str] = MappingProxyType(
    {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
)
"""What is converted here, by what llama.cpp calls it: Mistral's models are "llama" there, and run as such."""

_BLOCK = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "ffn_norm": "post_attention_layernorm",
}
_OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_FREQUENCIES = "rope_freqs.weight"
_CONTROL = 3
"""The token type of special tokens."""

_SAME = {"llama3": "llama-bpe", "llama-v3": "llama-bpe", "deepseek-r1-qwen": "qwen2"}
"""Other names of kinds of tokenizers, with the same expressions in ``llama-vocab.cpp``."""


def convert(
    file: Path,
    folder: Path,
    *,
    generation: Mapping[str, float],
    progress: Callable[[float], None],
    dtype: Kept = "float32",
) -> Mapping[str, str]:
    """Write the model in ``file`` to ``folder``: configuration, tokenizer and weights.

    ``generation`` goes to ``generation_config.json``; ``progress`` hears a share of 1. Return the weight files with their
    SHA-256. Raises `ModelError` if the file is of a kind that is not known.
    """
    progress(0.0)
    return convert_opened(opened(file), folder, generation=generation, progress=progress, dtype=dtype)


def convert_opened(
    source: GgufFile,
    folder: Path,
    *,
    generation: Mapping[str, float],
    progress: Callable[[float], None],
    dtype: Kept = "float32",
) -> Mapping[str, str]:
    """Do what `convert` does with a file that is open."""
    progress(0.3)  # of the time: reading 98,000 strings one by one takes it
    kind = kind_of(source)
    if source.architecture not in FAMILY:
        from .convert_other import written  # needs torch

        return written(source, folder, dtype=dtype, generation=generation)
    tensors = [_tensor(one, source) for one in source.tensors if one.name != _FREQUENCIES]
    tied = all(one.name != "lm_head.weight" for one in tensors)
    config = {**_config(source, tied=tied), "dtype": dtype}
    _write(folder / "config.json", config)
    ends: dict[str, Any] = {
        name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id") if name in config
    }
    _write(folder / "generation_config.json", {**ends, **generation})
    if kind is None:
        from .convert_other import write_tokenizer

        write_tokenizer(source, folder)
    else:
        _write_tokenizer(folder, source, kind)
    digest = save(
        folder / "model.safetensors",
        tensors,
        dtype=dtype,
        progress=lambda share: progress(0.3 + 0.7 * share),
    )
    return {"model.safetensors": digest}


def kind_of(source: GgufFile) -> str | None:
    """Return the kind of byte-level tokenizer a file has, None where transformers is to make of it what it can.

    Raises `ModelError` if it is a byte-level one of an unknown kind: transformers would split texts as GPT-2 does.
    """
    model, pre = source.of("tokenizer.ggml.model"), str(source.fields.get("tokenizer.ggml.pre", "gpt-2"))
    if model != "gpt2":
        return None
    kind = _SAME.get(pre, pre)
    if kind not in KINDS:
        raise ModelError(
            f"{source.file.name!r} has a tokenizer of kind {pre!r}; only {', '.join(KINDS)} are known"
        )
    return kind


def _tensor(one: Any, source: GgufFile) -> Tensor:
    name = str(one.name)
    rows = {"attn_q": "head_count", "attn_k": "head_count_kv"}.get(name.split(".")[-2])

    def values() -> Any:
        found = unpacked(one)
        if rows is None or source.architecture != "llama":
            return found
        return in_halves(found, int(source.its(f"attention.{rows}", source.its("attention.head_count"))))

    return Tensor(name=_name(name, source), shape=shape_of(one), values=values)


def in_halves(weights: Any, heads: int) -> Any:
    """Return the rows of each head in transformers' order for rotary embeddings, the first of all pairs first.

    llama.cpp keeps the two of a pair side by side (``permute`` in its ``convert_hf_to_gguf.py``).
    """
    rows = weights.shape[0]
    split = weights.reshape(heads, rows // heads // 2, 2, *weights.shape[1:])
    return split.swapaxes(1, 2).reshape(weights.shape)


def _name(name: str, source: GgufFile) -> str:
    stem, _, last = name.rpartition(".")
    if stem in _OUTER:
        return f"{_OUTER[stem]}.{last}"
    parts = stem.split(".", 2)
    if len(parts) != 3 or parts[0] != "blk" or parts[2] not in _BLOCK:  # noqa: PLR2004  blk.N.rest
        raise ModelError(f"no model of kind {source.architecture!r} has a tensor {name!r}")
    return f"model.layers.{parts[1]}.{_BLOCK[parts[2]]}.{last}"


def _config(source: GgufFile, *, tied: bool) -> Mapping[str, Any]:
    family, of = source.architecture, source.its
    heads, width = of("attention.head_count"), of("embedding_length")
    head = of("attention.key_length", of("rope.dimension_count", width // heads))
    names = {str(one.name) for one in source.tensors}
    biased = {"attention_bias": "blk.0.attn_q.bias" in names} if family != "qwen2" else {}
    ends = {
        f"{ours}_token_id": source.fields[f"tokenizer.ggml.{theirs}_token_id"]
        for ours, theirs in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))
        if f"tokenizer.ggml.{theirs}_token_id" in source.fields
    }
    return {
        "architectures": [FAMILY[family]],
        "model_type": family,
        "hidden_size": width,
        "intermediate_size": of("feed_forward_length"),
        "num_hidden_layers": of("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": of("attention.head_count_kv", heads),
        "head_dim": head,
        "max_position_embeddings": of("context_length"),
        "rms_norm_eps": of("attention.layer_norm_rms_epsilon"),
        "rope_parameters": _rope(source, head),
        "vocab_size": of("vocab_size", len(source.of("tokenizer.ggml.tokens"))),
        "tie_word_embeddings": tied,
        "hidden_act": "silu",
        **biased,
        **ends,
    }


def _rope(source: GgufFile, head: int) -> Mapping[str, Any]:
    theta = source.its("rope.freq_base", 10_000.0)
    frequencies = [one for one in source.tensors if one.name == _FREQUENCIES]
    if frequencies:
        found = llama3_from(unpacked(frequencies[0]), theta=theta, head=head)
        if found is None:
            raise ModelError(f"{source.file.name!r} turns positions in a way of its own, which is not known")
        return found
    kind = source.its("rope.scaling.type", "none")
    if kind in {"none", ""}:
        return {"rope_type": "default", "rope_theta": theta}
    if kind not in {"linear", "yarn"}:
        raise ModelError(f"{source.file.name!r} turns positions by {kind!r}; only linear and yarn are known")
    scaled = {"rope_type": kind, "rope_theta": theta, "factor": source.its("rope.scaling.factor")}
    length = source.its("rope.scaling.original_context_length", 0)
    return {**scaled, "original_max_position_embeddings": length} if length else scaled


def _write_tokenizer(folder: Path, source: GgufFile, kind: str) -> None:
    names: list[str] = source.of("tokenizer.ggml.tokens")
    types: list[int] = source.of("tokenizer.ggml.token_type")
    special = [name for name, of_kind in zip(names, types, strict=True) if of_kind == _CONTROL]
    made = byte_pairs(names, source.of("tokenizer.ggml.merges"), special, kind=kind)
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": source.its("context_length"),
        "clean_up_tokenization_spaces": False,
    }
    template = source.fields.get("tokenizer.chat_template")
    if isinstance(template, str):
        settings["chat_template"] = template
    for name, field in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        number = source.fields.get(f"tokenizer.ggml.{field}_token_id")
        if number is not None:
            settings[f"{name}_token"] = names[number]
    if source.fields.get("tokenizer.ggml.add_bos_token") and "bos_token" in settings:
        begin_with(made, settings["bos_token"])
    made.save(str(folder / "tokenizer.json"))
    _write(folder / "tokenizer_config.json", settings)


def begin_with(tokenizer: Any, token: str) -> None:
    """Have a tokenizer put ``token`` before every text, unless it is asked for the text alone."""
    from tokenizers.processors import TemplateProcessing

    tokenizer.post_processor = TemplateProcessing(
        single=f"{token} $A",
        pair=f"{token} $A {token} $B:1",
        special_tokens=[(token, tokenizer.token_to_id(token))],
    )


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
