"""Which models run through the forward pass of our own, as far as their configuration tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rostra.errors import ModelError
from rostra_models.shape import read, shape_of
from rostra_models.versions import about

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "vocab_size": 300,
    "max_position_embeddings": 512,
}


def test_the_first_llamas_have_a_key_for_each_query() -> None:
    shape = shape_of(LLAMA)
    assert shape is not None
    assert (shape.kv_heads, shape.group, shape.head, len(shape.rotations)) == (4, 1, 16, 8)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "gpt2"},
        {"hidden_act": "gelu"},
        {"num_hidden_layers": None},
        {"quantization_config": {"bits": 4}},
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
        {"model_type": "mistral"},  # its default for key heads is not the number of heads
        {"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 128},
        {"model_type": "qwen2", "num_key_value_heads": 2, "sliding_window": 128, "use_sliding_window": True},
    ],
)
def test_what_is_not_understood_is_left_to_transformers(change: dict[str, Any], tmp_path: Path) -> None:
    config = {**LLAMA, **change}
    assert shape_of(config) is None
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert about(tmp_path).engine == "transformers"


@pytest.mark.parametrize("kind", ["mistral", "qwen2", "qwen3"])
def test_the_rest_of_the_family_is_ours_and_said_to_be(kind: str, tmp_path: Path) -> None:
    config = {**LLAMA, "model_type": kind, "num_key_value_heads": 2}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    shape = read(tmp_path)
    assert shape is not None
    assert shape.group == 2
    assert about(tmp_path).engine == "lean"


def test_a_configuration_that_is_none_says_which_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json' is not a JSON object"):
        read(tmp_path)
