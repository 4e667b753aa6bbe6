"""A small GGUF file becomes a folder that transformers loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quantize
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

from rostra.errors import ModelError
from rostra_models.convert import convert, in_halves
from rostra_models.shelf import sha256
from rostra_models.weights import read

WIDTH, HEADS, KV_HEADS = 64, 4, 2
NAMES = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *sorted(ByteLevel.alphabet()), "ĊĊ"]
SHAPES = {
    "token_embd.weight": (len(NAMES), WIDTH),
    "output_norm.weight": (WIDTH,),
    "blk.0.attn_q.weight": (WIDTH, WIDTH),
    "blk.0.attn_k.weight": (WIDTH // 2, WIDTH),
    "blk.0.attn_v.weight": (WIDTH // 2, WIDTH),
    "blk.0.attn_output.weight": (WIDTH, WIDTH),
    "blk.0.attn_norm.weight": (WIDTH,),
    "blk.0.ffn_gate.weight": (128, WIDTH),
    "blk.0.ffn_up.weight": (128, WIDTH),
    "blk.0.ffn_down.weight": (WIDTH, 128),
    "blk.0.ffn_norm.weight": (WIDTH,),
}


def llama_cpp_order(weights: Any, heads: int) -> Any:
    """What llama.cpp's conversion does to queries and keys (its ``permute``)."""
    rows, columns = weights.shape
    return weights.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_gguf(file: Path, *, pre: str = "smollm", odd: bool = False) -> dict[str, Any]:
    """Write a model of one layer; return its tensors as they were before."""
    random = np.random.default_rng(1)
    writer = GGUFWriter(file, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(128)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(100000.0)
    writer.add_vocab_size(len(NAMES))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(NAMES)
    writer.add_token_types([TokenType.CONTROL] * 3 + [TokenType.NORMAL] * (len(NAMES) - 3))
    writer.add_token_merges(["Ċ Ċ"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template("{{ messages[0]['content'] }}")
    before: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        values = random.normal(size=shape).astype(np.float32)
        if name == "blk.0.ffn_down.weight":
            packed = quantize(values, GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=GGMLQuantizationType.Q8_0)
        else:
            heads = {"blk.0.attn_q.weight": HEADS, "blk.0.attn_k.weight": KV_HEADS}.get(name)
            writer.add_tensor(name, llama_cpp_order(values, heads) if heads else values)
        before[name] = values
    if odd:
        writer.add_tensor("blk.0.attn_sinks.weight", np.zeros(4, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return before


def tensors(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__")
    found: dict[str, Any] = {}
    for name, one in header.items():
        start, end = (8 + size + offset for offset in one["data_offsets"])
        found[name] = np.frombuffer(data[start:end], dtype="<f4").reshape(one["shape"])
    return found


@pytest.fixture(scope="module")
def converted(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, Any], dict[str, str], list[float]]:
    folder = tmp_path_factory.mktemp("converted")
    before = write_gguf(folder / "tiny.gguf")
    shares: list[float] = []
    files = convert(folder / "tiny.gguf", folder, generation={"top_p": 0.5}, progress=shares.append)
    return folder, before, dict(files), shares


Converted = tuple[Path, dict[str, Any], dict[str, str], list[float]]


def test_heads_go_back_to_the_order_of_transformers() -> None:
    weights = np.arange(8 * 3).reshape(8, 3)
    assert (in_halves(llama_cpp_order(weights, 2), 2) == weights).all()
    assert not (llama_cpp_order(weights, 2) == weights).all()


def test_weights_are_what_they_were_before_llama_cpp_took_them(converted: Converted) -> None:
    folder, before, _, _ = converted
    found = tensors(folder / "model.safetensors")
    assert len(found) == len(before)
    assert (found["model.layers.0.self_attn.q_proj.weight"] == before["blk.0.attn_q.weight"]).all()
    assert (found["model.layers.0.self_attn.k_proj.weight"] == before["blk.0.attn_k.weight"]).all()
    assert (found["model.layers.0.self_attn.v_proj.weight"] == before["blk.0.attn_v.weight"]).all()
    assert (found["model.embed_tokens.weight"] == before["token_embd.weight"]).all()
    assert (found["model.norm.weight"] == before["output_norm.weight"]).all()


def test_packed_weights_are_unpacked(converted: Converted) -> None:
    folder, before, _, _ = converted
    found = tensors(folder / "model.safetensors")["model.layers.0.mlp.down_proj.weight"]
    assert np.abs(found - before["blk.0.ffn_down.weight"]).max() < 0.02


def test_the_configuration_is_that_of_the_file(converted: Converted) -> None:
    folder = converted[0]
    config = json.loads((folder / "config.json").read_text())
    assert config["num_key_value_heads"] == KV_HEADS
    assert config["rope_parameters"] == {"rope_type": "default", "rope_theta": 100000.0}
    assert config["tie_word_embeddings"] is True
    assert read(folder).window == 512
    assert json.loads((folder / "generation_config.json").read_text())["top_p"] == 0.5
    assert json.loads((folder / "tokenizer_config.json").read_text())["eos_token"] == "<|im_end|>"


def test_the_tokenizer_takes_digits_one_by_one_and_control_tokens_whole(converted: Converted) -> None:
    tokenizer = Tokenizer.from_file(str(converted[0] / "tokenizer.json"))
    assert tokenizer.encode("<|im_start|>é\n\n12", add_special_tokens=False).tokens == [
        "<|im_start|>",
        "Ã",
        "©",
        "ĊĊ",
        "1",
        "2",
    ]
    assert tokenizer.decode(tokenizer.encode(" a  b\n").ids) == " a  b\n"


def test_the_hash_is_that_of_what_was_written(converted: Converted) -> None:
    folder, _, files, _ = converted
    assert files == {"model.safetensors": sha256(folder / "model.safetensors")}


def test_progress_goes_from_nothing_to_all(converted: Converted) -> None:
    shares = converted[3]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_a_tokenizer_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    write_gguf(tmp_path / "other.gguf", pre="viking")
    with pytest.raises(
        ModelError, match=r"'other.gguf' has a tokenizer of kind 'viking'; only smollm, gpt-2"
    ):
        convert(tmp_path / "other.gguf", tmp_path, generation={}, progress=lambda _: None)


def test_a_tensor_that_no_llama_has_is_refused_by_name(tmp_path: Path) -> None:
    write_gguf(tmp_path / "odd.gguf", odd=True)
    with pytest.raises(ModelError, match=r"no model of kind 'llama' has a tensor 'blk.0.attn_sinks.weight'"):
        convert(tmp_path / "odd.gguf", tmp_path, generation={}, progress=lambda _: None)
