"""What lies in a model's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rostra.errors import ModelError, ModelMissing
from rostra_models.testing import tiny_llama
from rostra_models.weights import RUNTIME, read


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny", window=2048)


def copied(tiny: Path, folder: Path) -> Path:
    for file in tiny.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_a_folder_tells_its_size_and_window(tiny: Path) -> None:
    weights = read(tiny)
    assert weights.window == 2048
    assert weights.dtype == "F32"
    assert weights.size == (tiny / "model.safetensors").stat().st_size
    assert 0 < weights.size - 4 * weights.parameters < 5000, "the rest is the header"
    assert weights.memory(2) == 2 * weights.parameters + RUNTIME


def test_weights_may_be_in_several_files(tiny: Path, tmp_path: Path) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "model-2.safetensors").write_bytes((tiny / "model.safetensors").read_bytes())
    assert read(folder).parameters == 2 * read(tiny).parameters


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_missing_model_says_how_to_get_it(tiny: Path, tmp_path: Path, missing: str) -> None:
    folder = copied(tiny, tmp_path)
    (folder / missing).unlink()
    with pytest.raises(ModelMissing, match=r"; ask for it$"):
        read(folder, advice="ask for it")


def test_formats_that_may_run_code_are_not_read(tiny: Path, tmp_path: Path) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"has 'pytorch_model.bin' but no '\*.safetensors'"):
        read(folder)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "only a pointer"),
        (b"", "only a pointer"),
        ((9).to_bytes(8, "little") + b"{not json", "header of .* is damaged"),
        ((17).to_bytes(8, "little") + b'{"a": {"x": [1]}}', "header of .* is damaged"),
        ((2).to_bytes(8, "little") + b"[]", "header of .* is damaged"),
    ],
    ids=["pointer", "empty", "no JSON", "other JSON", "list"],
)
def test_damaged_weights_are_named(tiny: Path, tmp_path: Path, content: bytes, what: str) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=what):
        read(folder)


def test_weights_that_were_cut_off_are_named(tiny: Path, tmp_path: Path) -> None:
    folder = copied(tiny, tmp_path)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cut off"):
        read(folder)


@pytest.mark.parametrize(
    ("config", "window"),
    [
        ({"n_positions": 1024}, 1024),
        ({"text_config": {"max_position_embeddings": 512}}, 512),
        ({"max_position_embeddings": 100, "n_ctx": 7}, 100),
        ({}, None),
    ],
    ids=["gpt2", "nested", "both", "none"],
)
def test_the_window_is_found_under_its_names(
    tiny: Path, tmp_path: Path, config: dict[str, object], window: int | None
) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "config.json").write_text(json.dumps(config))
    assert read(folder).window == window


@pytest.mark.parametrize("config", ["nonsense", "[1]"])
def test_a_damaged_configuration_is_named(tiny: Path, tmp_path: Path, config: str) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "config.json").write_text(config)
    with pytest.raises(ModelError, match=r"config.json' is not the JSON of a model"):
        read(folder)


def test_weights_that_cannot_be_read_are_named(tiny: Path, tmp_path: Path) -> None:
    folder = copied(tiny, tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("nowhere")
    with pytest.raises(ModelError, match=r"model.safetensors' cannot be read: No such file"):
        read(folder)
