"""The folder that keeps models: each is put there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rostra.errors import ModelError, ModelMissing
from rostra.testing.clock import ManualClock
from rostra_models.shelf import copy, kept, making, record, sha256
from rostra_models.testing import tiny_llama


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("source") / "tiny")


def quietly(what: str, share: float | None) -> None:
    pass


def test_a_copy_is_recorded_with_its_hash(tiny: Path, tmp_path: Path) -> None:
    folder = copy(tiny, tmp_path / "models" / "mine", clock=ManualClock(), progress=quietly)
    found = record(folder)
    assert found is not None
    assert found.name == "mine"
    assert found.source == str(tiny)
    assert found.made_at == "2026-01-01T00:00:00+00:00"
    assert found.files == {"model.safetensors": sha256(tiny / "model.safetensors")}
    assert [name for name, _, _ in kept(folder.parent)] == ["mine"]


def test_nothing_that_could_run_is_copied(tiny: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for file in tiny.iterdir():
        (source / file.name).write_bytes(file.read_bytes())
    for name in ("modeling_evil.py", "pytorch_model.bin", "training.pkl"):
        (source / name).write_bytes(b"evil")
    folder = copy(source, tmp_path / "models" / "mine", clock=ManualClock(), progress=quietly)
    assert {file.name for file in folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "rostra.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_what_is_no_model_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelMissing, match="no model in"):
        copy(tmp_path / "empty", tmp_path / "models" / "mine", clock=ManualClock(), progress=quietly)
    assert not (tmp_path / "models").exists()


def test_a_model_without_a_tokenizer_is_not_copied(tiny: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((tiny / name).read_bytes())
    with pytest.raises(ModelError, match=r"has no 'tokenizer.json'"):
        copy(tmp_path, tmp_path / "models" / "mine", clock=ManualClock(), progress=quietly)


def test_a_failure_midway_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "models" / "mine"

    def fail() -> None:
        with making(target, space=1) as work:
            assert work is not None
            (work / "half").write_text("half")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail()
    assert [file.name for file in target.parent.iterdir()] == [".lock"]


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    target = tmp_path / "models" / "mine"
    script = (
        "import os, pathlib, sys; from rostra_models.shelf import making\n"
        "with making(pathlib.Path(sys.argv[1]), space=1) as work:\n"
        "    (work / 'half').write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert any(file.name.startswith(".making-") for file in target.parent.iterdir())
    assert kept(target.parent) == []
    with making(target, space=1) as work:
        assert work is not None
        (work / "whole").write_text("whole")
    assert sorted(file.name for file in target.parent.iterdir()) == [".lock", "mine"]
    assert (target / "whole").exists()


def test_only_one_process_makes_a_model_and_the_other_takes_it(tiny: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "mine"
    script = (
        "import pathlib, sys; from rostra.clock import SystemClock; from rostra_models.shelf import copy\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(copy(*map(pathlib.Path, sys.argv[1:]), clock=SystemClock(), progress=lambda *_: None))"
    )
    command = [sys.executable, "-c", script, str(tiny), str(target)]
    others = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [other.communicate("go\n", timeout=60)[0] for other in others]
    assert said == [f"ready\n{target}\n"] * 2
    assert record(target) is not None


def test_a_folder_in_the_way_is_not_touched(tiny: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "mine"
    target.mkdir(parents=True)
    (target / "precious").write_text("precious")
    with pytest.raises(ModelError, match="is in the way"):
        copy(tiny, target, clock=ManualClock(), progress=quietly)
    assert [file.name for file in target.iterdir()] == ["precious"]


def test_an_empty_folder_is_no_obstacle(tiny: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "mine"
    target.mkdir(parents=True)
    assert record(copy(tiny, target, clock=ManualClock(), progress=quietly)) is not None


def test_too_little_disk_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelError, match=r"MB free; 1000000000000 MB are needed"),
        making(tmp_path / "models" / "mine", space=10**18),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with (
        pytest.raises(ModelError, match=r"models' cannot be written: File exists"),
        making(tmp_path / "models" / "mine", space=1),
    ):
        pass


def test_weights_that_changed_since_are_not_those_recorded(tiny: Path, tmp_path: Path) -> None:
    folder = copy(tiny, tmp_path / "models" / "mine", clock=ManualClock(), progress=quietly)
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"more")
    assert record(folder) is None
