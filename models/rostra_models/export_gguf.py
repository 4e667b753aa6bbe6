"""From a folder of the Llama family to a GGUF file, so that llama.cpp, Ollama and LM Studio take over.

Without torch, and tensor by tensor. What llama.cpp expects: its ``convert_hf_to_gguf.py`` and
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rostra.errors import ModelError, ModelMissing

from .byte_pairs import kind_of
from .json_files import inner, json_object
from .rope import llama3
from .tensors import Tensor, tensors

Packing: TypeAlias = Literal["f16", "q8_0", "q4_0"]
"""16 bits a weight; 8.5; 4.5 (but 8.5 for the table of tokens, which suffers most)."""

BITS: Mapping[str, float] = {"f16": 16, "q8_0": 8.5, "q4_0": 4.5}

FAMILY = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""What llama.cpp calls a ``model_type``."""

LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}

_BLOCK = 32
"""Weights that share a scale in the packed types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What the folder's files say."""

    folder: Path
    config: Mapping[str, Any]
    tokenizer: Mapping[str, Any]
    settings: Mapping[str, Any]
    """``tokenizer_config.json``."""

    @property
    def heads(self) -> int:
        return int(self.config["num_attention_heads"])

    @property
    def kv_heads(self) -> int:
        return int(self.config.get("num_key_value_heads") or self.heads)

    @property
    def head(self) -> int:
        """Numbers a head."""
        return int(self.config.get("head_dim") or self.config["hidden_size"] // self.heads)

    @property
    def rope(self) -> Mapping[str, Any]:
        """How positions are turned: transformers 5 says it in one place, older ones in two."""
        found = {**inner(self.config, "rope_scaling"), **inner(self.config, "rope_parameters")}
        theta = found.get("rope_theta") or self.config.get("rope_theta") or 10_000.0
        return {
            **found,
            "rope_theta": theta,
            "rope_type": found.get("rope_type", found.get("type", "default")),
        }


def export(
    folder: Path, file: Path, *, kind: Packing, progress: Callable[[float], None] = lambda _: None
) -> Path:
    """Write the model in ``folder`` to ``file`` and return it; ``progress`` hears a share of 1.

    The model is a Llama, Mistral, Qwen 2 or Qwen 3 with a byte-level BPE tokenizer. A kill leaves no half file under
    the name. Raises `ModelError` if the model is of another kind.
    """
    gguf = _library()
    source = _source(folder)
    stored = [*tensors(folder), *_frequencies(source)]
    half = file.with_name(f".{file.name}.{os.getpid()}")
    writer = gguf.GGUFWriter(half, FAMILY[source.config["model_type"]])
    try:
        _describe(writer, source, kind)
        _describe_tokenizer(writer, source)
        tied = all(one.name != "lm_head.weight" for one in stored)
        plan = [(one, *_place(gguf, one, kind, tied=tied)) for one in stored]
        for one, name, packing in plan:
            _announce(gguf, writer, one, name, packing)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for number, (one, name, packing) in enumerate(plan, 1):
            writer.write_tensor_data(gguf.quantize(_ordered(one, name, source), packing))
            progress(number / len(plan))
        writer.close()
        half.replace(file)
    except OSError as error:
        raise ModelError(f"{str(file)!r} cannot be written: {error.strerror or error}") from error
    finally:
        writer.close()
        half.unlink(missing_ok=True)
    return file


def _library() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise ModelMissing(
            "writing a GGUF file needs 'gguf'; `pip install 'rostra[local]'` installs it"
        ) from error
    return gguf


def _source(folder: Path) -> _Source:
    config = json_object(folder / "config.json")
    family = config.get("model_type")
    if family not in FAMILY:
        raise ModelError(
            f"{str(folder)!r} is of type {family!r}; only {', '.join(FAMILY)} can be written as GGUF"
        )
    made = _Source(
        folder=folder,
        config=config,
        tokenizer=json_object(folder / "tokenizer.json"),
        settings=json_object(folder / "tokenizer_config.json", needed=False),
    )
    absent = [
        name
        for name in (
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "vocab_size",
        )
        if not isinstance(config.get(name), int)
    ]
    if absent:
        raise ModelError(f"{str(folder / 'config.json')!r} has no whole number {absent[0]!r}")
    return made


def _describe(writer: Any, source: _Source, kind: Packing) -> None:
    import gguf

    config = source.config
    writer.add_name(source.folder.resolve().name)
    writer.add_context_length(config.get("max_position_embeddings") or 2048)
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(source.heads)
    writer.add_head_count_kv(source.kv_heads)
    writer.add_key_length(source.head)
    writer.add_value_length(source.head)
    writer.add_layer_norm_rms_eps(config.get("rms_norm_eps", 1e-6))
    writer.add_vocab_size(config["vocab_size"])
    writer.add_rope_dimension_count(source.head)
    writer.add_rope_freq_base(float(source.rope["rope_theta"]))
    _describe_scaling(writer, source.rope)
    types = {"f16": "MOSTLY_F16", "q8_0": "MOSTLY_Q8_0", "q4_0": "MOSTLY_Q4_0"}
    writer.add_file_type(gguf.LlamaFileType[types[kind]])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _describe_scaling(writer: Any, rope: Mapping[str, Any]) -> None:
    import gguf

    kind = rope["rope_type"]
    if kind in {"linear", "yarn"}:
        writer.add_rope_scaling_type(gguf.RopeScalingType[kind.upper()])
        writer.add_rope_scaling_factor(float(rope["factor"]))
        if kind == "yarn" and "original_max_position_embeddings" in rope:
            writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    elif kind not in {"default", "llama3"}:  # the latter becomes a tensor
        raise ModelError(
            f"positions are turned by {kind!r}; only default, linear, yarn and llama3 can be written"
        )


def _frequencies(source: _Source) -> Sequence[Tensor]:
    if source.rope["rope_type"] != "llama3":
        return []
    divided = llama3(source.rope, source.head)
    return [Tensor(name="rope_freqs.weight", shape=divided.shape, values=lambda: divided)]


def _describe_tokenizer(writer: Any, source: _Source) -> None:
    from gguf import TokenType

    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(kind_of(source.tokenizer, str(source.folder / "tokenizer.json")))
    size = int(source.config["vocab_size"])
    names = [f"[PAD{number}]" for number in range(size)]  # tables are often longer than the vocabulary
    types = [TokenType.UNUSED] * size
    vocabulary: Mapping[str, int] = source.tokenizer["model"]["vocab"]
    added: Sequence[Mapping[str, Any]] = source.tokenizer.get("added_tokens") or ()
    known = [*((name, number, TokenType.NORMAL) for name, number in vocabulary.items())]
    known += [
        (one["content"], one["id"], TokenType.CONTROL if one.get("special") else TokenType.USER_DEFINED)
        for one in added
    ]
    for name, number, kind in known:
        if not 0 <= number < size:
            raise ModelError(f"the token {name!r} has the number {number}; the model has {size} tokens")
        names[number], types[number] = name, kind
    writer.add_token_list(names)
    writer.add_token_types(types)
    merges: Sequence[Any] = source.tokenizer["model"]["merges"]
    pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]
    writer.add_token_merges(
        pairs or [f"{names[0]} {names[0]}"]
    )  # it wants some: this one can never be merged
    _describe_ends(writer, source, {name: number for number, name in enumerate(names)})
    template = _template(source)
    if template:
        writer.add_chat_template(template)


def _describe_ends(writer: Any, source: _Source, numbers: Mapping[str, int]) -> None:
    add = {
        "bos": writer.add_bos_token_id,
        "eos": writer.add_eos_token_id,
        "unk": writer.add_unk_token_id,
        "pad": writer.add_pad_token_id,
    }
    for name, write in add.items():
        key = f"{name}_token"
        text = inner(source.settings, key).get("content", source.settings.get(key))
        number = numbers.get(text) if isinstance(text, str) else _first(source.config.get(f"{key}_id"))
        if isinstance(number, int):
            write(number)
    single: Sequence[Mapping[str, Any]] = inner(source.tokenizer, "post_processor").get("single") or ()
    writer.add_add_bos_token(bool(single) and "SpecialToken" in single[0])


def _first(number: Any) -> Any:
    """Return a number, or the first of several: some models end in several ways."""
    return number if isinstance(number, int | None) else next(iter(number), None)


def _template(source: _Source) -> str:
    file = source.folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    found = source.settings.get("chat_template")
    return found if isinstance(found, str) else ""


def _place(gguf: Any, tensor: Tensor, kind: Packing, *, tied: bool) -> tuple[str, Any]:
    """Return what llama.cpp calls a tensor, and how it is packed."""
    types = gguf.GGMLQuantizationType
    name = "rope_freqs.weight" if tensor.name == "rope_freqs.weight" else _name(tensor.name)
    if len(tensor.shape) == 1:
        return name, types.F32
    if kind == "f16" or tensor.shape[-1] % _BLOCK:
        return name, types.F16
    last = "token_embd.weight" if tied else "output.weight"
    return name, types.Q8_0 if kind == "q8_0" or name == last else types.Q4_0


def _name(name: str) -> str:
    stem, _, last = name.rpartition(".")
    if stem in OUTER:
        return f"{OUTER[stem]}.{last}"
    parts = stem.split(".", 3)
    if parts[:2] != ["model", "layers"] or len(parts) != 4 or parts[3] not in LAYER:  # noqa: PLR2004  model.layers.N.rest
        raise ModelError(f"llama.cpp has no tensor for {name!r}")
    return f"blk.{parts[2]}.{LAYER[parts[3]]}.{last}"


def _announce(gguf: Any, writer: Any, tensor: Tensor, name: str, packing: Any) -> None:
    import numpy as np

    plain = {gguf.GGMLQuantizationType.F32: np.float32, gguf.GGMLQuantizationType.F16: np.float16}
    shape = tensor.shape
    dtype: Any = np.dtype(plain.get(packing, np.uint8))
    if packing not in plain:
        shape = gguf.quant_shape_to_byte_shape(shape, packing)
    writer.add_tensor_info(name, shape, dtype, int(np.prod(shape)) * dtype.itemsize, raw_dtype=packing)


def _ordered(tensor: Tensor, name: str, source: _Source) -> Any:
    values = tensor.values()
    if FAMILY[source.config["model_type"]] != "llama":
        return values
    part = name.split(".")[-2]
    heads = {"attn_q": source.heads, "attn_k": source.kv_heads}.get(part)
    return values if heads is None else side_by_side(values, heads)


def side_by_side(weights: Any, heads: int) -> Any:
    """Return the rows of each head in llama.cpp's order for rotary embeddings, the two of a pair side by side."""
    import numpy as np

    rows = weights.shape[0]
    split = weights.reshape(heads, 2, rows // heads // 2, *weights.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(weights.shape))
