"""Models of several kinds to GGUF files and back, beside what transformers makes of the same files."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tokenizers import Tokenizer

from rostra.errors import ModelError, ModelMissing
from rostra_models.byte_pairs import KINDS, byte_pairs, kind_of
from rostra_models.convert import begin_with, convert
from rostra_models.export_gguf import Packing, export, side_by_side
from rostra_models.gguf_file import opened
from rostra_models.rope import llama3, llama3_from
from rostra_models.tensors import Tensor, save, tensors
from rostra_models.testing import SPECIAL, TEMPLATE, tiny_llama

SIZES: Mapping[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
LLAMA_3: Mapping[str, Any] = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
KIND: Mapping[str, Mapping[str, Any]] = {
    "llama": {"model_type": "llama", "attention_bias": True, "rope_parameters": LLAMA_3},
    "mistral": {"model_type": "mistral", "tie_word_embeddings": True},
    "qwen2": {"model_type": "qwen2"},
    "qwen3": {"model_type": "qwen3", "head_dim": 32, "tie_word_embeddings": True},
}
SPLITS = {"llama": "llama-bpe", "mistral": "tekken", "qwen2": "qwen2", "qwen3": "gpt-2"}
QUESTION = "<|im_start|>user\nWhat's 12345, Ünder  GOOD\r\n\n things?<|im_end|>"


def torch() -> Any:
    return import_module("torch")  # seconds, which those who only collect tests are spared


def transformers() -> Any:
    return import_module("transformers")


def reading() -> Any:
    return import_module("transformers.modeling_gguf_pytorch_utils")


def write_tokenizer(folder: Path, split: str, *, begin: bool = False) -> Tokenizer:
    """Write a tokenizer that merges a few pairs; return it."""
    bytes_ = sorted(tokenizers_alphabet())
    merges = ["i n", "in g", "1 2", "Ġ t", "Ċ Ċ"]
    names = [*SPECIAL, *bytes_, *(pair.replace(" ", "") for pair in merges)]
    made: Tokenizer = byte_pairs(names, merges, SPECIAL, kind=split)
    if begin:
        begin_with(made, SPECIAL[1])
    made.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "bos_token": {"content": "<|im_start|>"},
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return made


def tokenizers_alphabet() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return ByteLevel.alphabet()


def write_model(folder: Path, kind: str, *, seed: int = 0) -> Any:
    """Write a small model with random weights; return it as transformers has it."""
    torch().manual_seed(seed)
    folder.mkdir(exist_ok=True)
    tokenizer = write_tokenizer(folder, SPLITS[kind], begin=kind == "llama")
    config = transformers().AutoConfig.for_model(
        **KIND[kind], **SIZES, vocab_size=tokenizer.get_vocab_size() + 5, initializer_range=0.2
    )
    model: Any = transformers().AutoModelForCausalLM.from_config(config)
    for name, values in model.named_parameters():
        if name.endswith("bias"):  # they begin as nothing
            torch().nn.init.normal_(values)
    model.eval().save_pretrained(folder)
    return model


def logits(model: Any) -> Any:
    with torch().inference_mode():
        return model(torch().arange(3, 60)[None]).logits[0].numpy()


def read_by_transformers(file: Path) -> Any:
    """Return the model in a file as transformers reads it (``from_pretrained`` would want another library)."""
    plain = reading().load_gguf_checkpoint(str(file))["config"]
    plain["head_dim"] = opened(file).its("attention.key_length")  # it overlooks that for some kinds
    config = transformers().AutoConfig.for_model(**plain)
    model: Any = transformers().AutoModelForCausalLM.from_config(config).eval()
    found = reading().load_gguf_checkpoint(str(file), return_tensors=True, model_to_load=model)["tensors"]
    missing = model.load_state_dict({name: one.float() for name, one in found.items()}, strict=False)
    assert set(missing.missing_keys) <= {"lm_head.weight"}
    model.tie_weights()
    return model


@pytest.mark.slow
@pytest.mark.parametrize("kind", KIND)
def test_a_model_goes_to_a_file_and_back_and_says_the_same(kind: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", kind)
    file = export(tmp_path / "model", tmp_path / "model.gguf", kind="f16")
    (tmp_path / "back").mkdir()
    convert(file, tmp_path / "back", generation={}, progress=lambda _: None)
    back = transformers().AutoModelForCausalLM.from_pretrained(tmp_path / "back")
    expected, got = logits(model), logits(back)
    assert np.abs(expected - got).max() < 0.02 * expected.std()
    before = Tokenizer.from_file(str(tmp_path / "model" / "tokenizer.json"))
    after = Tokenizer.from_file(str(tmp_path / "back" / "tokenizer.json"))
    assert after.encode(QUESTION).ids == before.encode(QUESTION).ids
    settings = json.loads((tmp_path / "back" / "tokenizer_config.json").read_text())
    assert (settings["chat_template"], settings["eos_token"]) == (TEMPLATE, "<|im_end|>")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mistral", "qwen2", "qwen3"])
def test_transformers_reads_the_same_model_out_of_a_file(kind: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", kind)
    file = export(tmp_path / "model", tmp_path / "model.gguf", kind="f16")
    expected, got = logits(model), logits(read_by_transformers(file))
    assert np.abs(expected - got).max() < 0.02 * expected.std()


@pytest.mark.slow
@pytest.mark.parametrize(("packing", "most"), [("q8_0", 0.1), ("q4_0", 1.5)])
def test_packed_weights_cost_what_their_bits_say(packing: Packing, most: float, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", "qwen2")
    export(tmp_path / "model", tmp_path / "whole.gguf", kind="f16")
    file = export(tmp_path / "model", tmp_path / "model.gguf", kind=packing)
    expected, got = logits(model), logits(read_by_transformers(file))
    off = float(np.sqrt(((expected - got) ** 2).mean()) / expected.std())
    assert 0 < off < most
    assert file.stat().st_size < (tmp_path / "whole.gguf").stat().st_size


def test_the_table_of_tokens_is_kept_better_than_the_rest(tmp_path: Path) -> None:
    tiny = tiny_llama(tmp_path / "tiny")
    found = {
        str(one.name): one.tensor_type.name
        for one in opened(export(tiny, tmp_path / "tiny.gguf", kind="q4_0")).tensors
    }
    assert found["output.weight"] == "Q8_0"
    assert found["token_embd.weight"] == found["blk.0.ffn_up.weight"] == "Q4_0"
    assert found["output_norm.weight"] == "F32"


def test_a_file_says_what_llama_cpp_asks_for(tmp_path: Path) -> None:
    tiny = tiny_llama(tmp_path / "tiny")
    shares: list[float] = []
    found = opened(export(tiny, tmp_path / "tiny.gguf", kind="q8_0", progress=shares.append))
    assert {name: found.of(name) for name in ("general.architecture", "general.name")} == {
        "general.architecture": "llama",
        "general.name": "tiny",
    }
    assert found.its("rope.dimension_count") == found.its("attention.key_length") == 8
    assert (found.of("tokenizer.ggml.model"), found.of("tokenizer.ggml.pre")) == ("gpt2", "smollm")
    assert found.of("tokenizer.ggml.tokens")[:3] == list(SPECIAL)
    assert found.of("tokenizer.ggml.token_type")[:4] == [3, 3, 3, 1]
    assert found.of("tokenizer.ggml.eos_token_id") == 2
    assert found.of("tokenizer.ggml.add_bos_token") is False
    # llama.cpp refuses a file without merges; this one can never be made.
    assert found.of("tokenizer.ggml.merges") == ["<|endoftext|> <|endoftext|>"]
    assert (shares[-1], shares) == (1.0, sorted(shares))


def test_heads_are_turned_one_way_and_the_other() -> None:
    from rostra_models.convert import in_halves

    for weights in (np.arange(8 * 3).reshape(8, 3), np.arange(8)):
        assert (in_halves(side_by_side(weights, 2), 2) == weights).all()
    assert side_by_side(np.arange(8), 2).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_a_failure_midway_leaves_no_file(tmp_path: Path) -> None:
    tiny = tiny_llama(tmp_path / "tiny")

    def fail(share: float) -> None:
        raise RuntimeError(share)

    with pytest.raises(RuntimeError):
        export(tiny, tmp_path / "tiny.gguf", kind="f16", progress=fail)
    assert [file.name for file in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("config.json", {"model_type": "gpt2"}, "is of type 'gpt2'; only llama, mistral, qwen2, qwen3"),
        ("config.json", {"hidden_size": None}, "has no whole number 'hidden_size'"),
        ("config.json", {"rope_scaling": {"type": "longrope"}}, "positions are turned by 'longrope'"),
        ("config.json", {"vocab_size": 9}, "the model has 9 tokens"),
        ("tokenizer.json", {"model": {"type": "Unigram"}}, "is of type 'Unigram' over characters"),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Sequence", "pretokenizers": []}}, "over characters"),
    ],
)
def test_what_cannot_be_a_file_is_refused_by_name(
    name: str, change: dict[str, Any], what: str, tmp_path: Path
) -> None:
    tiny = tiny_llama(tmp_path / "tiny")
    (tiny / name).write_text(json.dumps({**json.loads((tiny / name).read_text()), **change}))
    with pytest.raises(ModelError) as failed:
        export(tiny, tmp_path / "tiny.gguf", kind="f16")
    assert what in str(failed.value)
    assert not (tmp_path / "tiny.gguf").exists()


def test_a_folder_without_a_tokenizer_cannot_be_a_file(tmp_path: Path) -> None:
    tiny = tiny_llama(tmp_path / "tiny")
    (tiny / "tokenizer.json").unlink()
    with pytest.raises(ModelMissing, match=r"no 'tokenizer.json' in"):
        export(tiny, tmp_path / "tiny.gguf", kind="f16")


def test_kinds_of_tokenizers_are_told_apart() -> None:
    made: dict[str, Any] = {}
    for kind in KINDS:
        made = json.loads(byte_pairs(list("abc"), [], [], kind=kind).to_str())
        assert kind_of(made, "tokenizer.json") == kind
    made["pre_tokenizer"]["pretokenizers"][0] = {"type": "Punctuation"}
    with pytest.raises(ModelError, match=r"'tokenizer.json' splits texts by \['Punctuation'\]"):
        kind_of(made, "tokenizer.json")


@pytest.mark.slow
def test_stretched_positions_are_those_of_transformers() -> None:
    config = transformers().LlamaConfig(head_dim=64, rope_parameters=LLAMA_3, max_position_embeddings=131072)
    turned: Any = transformers().modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"](
        config, torch().device("cpu")
    )
    plain = 1 / LLAMA_3["rope_theta"] ** (np.arange(0, 64, 2) / 64)
    divided = llama3(LLAMA_3, 64)
    assert np.allclose(turned[0].numpy(), plain / divided, rtol=1e-5)
    assert llama3_from(divided, theta=500000.0, head=64) == LLAMA_3
    assert llama3_from(divided * 1.1, theta=500000.0, head=64) is None
    assert llama3_from(divided[:-1], theta=500000.0, head=64) is None


@pytest.mark.slow
def test_bfloat16_is_rounded_as_torch_rounds_it(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(64, 33)).astype(np.float32)
    values[0, :6] = [
        1.00390625,
        1.01171875,
        3.4e38,
        np.inf,
        np.nan,
        -0.0,
    ]  # ties, overflow, and what is no number
    save(
        tmp_path / "model.safetensors",
        [Tensor(name="x", shape=values.shape, values=lambda: values)],
        dtype="bfloat16",
    )
    (found,) = tensors(tmp_path)
    expected = torch().from_numpy(values).bfloat16().float().numpy()
    assert np.array_equal(found.values(), expected, equal_nan=True)
    assert found.shape == values.shape


@pytest.mark.parametrize("cut", [3, 20, 400])
def test_a_damaged_file_is_told_in_one_line(cut: int, tmp_path: Path) -> None:
    file = export(tiny_llama(tmp_path / "tiny"), tmp_path / "tiny.gguf", kind="f16")
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(ModelError) as failed:
        opened(file)
    assert "\n" not in str(failed.value)
    assert "tiny.gguf" in str(failed.value)


def test_weights_cut_off_are_told_in_one_line(tmp_path: Path) -> None:
    file = export(tiny_llama(tmp_path / "tiny"), tmp_path / "tiny.gguf", kind="f16")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"tiny.gguf' is damaged, cut off"):
        opened(file)


def test_a_packing_that_is_not_understood_is_named(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "odd.gguf", "llama")
    packing = gguf.GGMLQuantizationType.Q8_K
    block, size = gguf.GGML_QUANT_SIZES[packing]
    writer.add_tensor("token_embd.weight", np.zeros((1, size), dtype=np.uint8), raw_dtype=packing)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert block > 1
    with pytest.raises(ModelError, match=r"'odd.gguf' has 'token_embd.weight' packed as Q8_K, which is not"):
        opened(tmp_path / "odd.gguf")


def test_a_file_without_a_model_in_it_names_what_is_missing(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "odd.gguf", "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with pytest.raises(
        ModelError, match=r"'odd.gguf' has no 'tokenizer.ggml.model': it is not a whole model"
    ):
        convert(tmp_path / "odd.gguf", tmp_path, generation={}, progress=lambda _: None)


def write_phi3(file: Path, model: Any) -> None:
    """Write a model of a kind that is not converted here, with a tokenizer over characters."""
    config = model.config
    writer = gguf.GGUFWriter(file, "phi3")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    names = ["<unk>", "<s>", "</s>", *bytes_, "▁", "a", "b", "ab"]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(names)
    writer.add_token_scores([0.0] * (len(names) - 1) + [1.0])
    writer.add_token_types([2, 3, 3, *[6] * 256, 1, 1, 1, 1])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    parts = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "self_attn.qkv_proj": "attn_qkv",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    for name, values in model.state_dict().items():
        stem = name.removesuffix(".weight")
        if stem.startswith("model.layers."):
            number, part = stem.removeprefix("model.layers.").split(".", 1)
            writer.add_tensor(f"blk.{number}.{parts[part]}.weight", values.numpy())
        else:
            writer.add_tensor(f"{parts[stem]}.weight", values.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.slow
def test_other_kinds_are_read_by_transformers_and_kept_as_safetensors(tmp_path: Path) -> None:
    torch().manual_seed(0)
    config = transformers().AutoConfig.for_model(model_type="phi3", vocab_size=263, **SIZES)
    model: Any = transformers().AutoModelForCausalLM.from_config(config).eval()
    write_phi3(tmp_path / "phi3.gguf", model)
    (tmp_path / "back").mkdir()
    files = convert(
        tmp_path / "phi3.gguf", tmp_path / "back", generation={"top_p": 0.5}, progress=lambda _: None
    )
    back = transformers().AutoModelForCausalLM.from_pretrained(tmp_path / "back")
    assert np.abs(logits(model) - logits(back)).max() < 1e-4
    assert list(files) == ["model.safetensors"]
    tokenizer = transformers().AutoTokenizer.from_pretrained(tmp_path / "back")
    assert tokenizer.decode(tokenizer("ab é", add_special_tokens=False).input_ids) == "ab é"


@pytest.mark.slow
def test_a_kind_that_nobody_knows_is_told_in_one_line(tmp_path: Path) -> None:
    file = export(tiny_llama(tmp_path / "tiny"), tmp_path / "tiny.gguf", kind="f16")
    content = file.read_bytes()
    odd = content.replace(struct.pack("<Q", 5) + b"llama", struct.pack("<Q", 5) + b"llava", 1)
    file.write_bytes(odd)
    with pytest.raises(ModelError) as failed:
        convert(file, tmp_path, generation={}, progress=lambda _: None)
    assert "of kind 'llava', and transformers cannot read it" in str(failed.value)
    assert "\n" not in str(failed.value)
