"""``rostra model``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rostra.components import find
from rostra_models.cli import app
from rostra_models.testing import tiny_llama


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "source" / "tiny")


def run(*arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=env)


def test_it_is_found_under_its_name(tmp_path: Path) -> None:
    assert find("cli", "model", tmp_path) is app


def test_a_folder_is_copied_and_listed(tiny: Path, tmp_path: Path) -> None:
    pulled = run("pull", tiny, "--name", "mine", "--data", tmp_path)
    assert pulled.exit_code == 0
    assert pulled.stdout == f"mine is ready: {tmp_path / 'models' / 'mine'}\n"
    assert pulled.stderr == "copying model.safetensors …\n"
    listed = run("list", "--data", tmp_path)
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["NAME", "mine"]


def test_pulling_again_is_quick_and_changes_nothing(tiny: Path, tmp_path: Path) -> None:
    run("pull", tiny, "--data", tmp_path)
    made = (tmp_path / "models" / "tiny" / "rostra.json").stat().st_mtime_ns
    again = run("pull", tiny, "--data", tmp_path)
    assert again.exit_code == 0
    assert again.stderr == ""
    assert (tmp_path / "models" / "tiny" / "rostra.json").stat().st_mtime_ns == made


def test_the_data_folder_is_the_configurations(tiny: Path, tmp_path: Path) -> None:
    run("pull", tiny, "--data", tmp_path / "here")
    config = tmp_path / "rostra.toml"
    config.write_text(f'data = "{tmp_path / "here"}"\n')
    assert "tiny" in run("list", "--config", config).stdout
    config.write_text("")
    assert "tiny" in run("list", "--config", config, env={"ROSTRA_DATA": str(tmp_path / "here")}).stdout


def test_json_has_the_keys_that_tools_rely_on(tiny: Path, tmp_path: Path) -> None:
    run("pull", tiny, "--data", tmp_path)
    (row,) = json.loads(run("list", "--json", "--data", tmp_path).stdout)
    assert row == json.loads(run("show", "tiny", "--json", "--data", tmp_path).stdout)
    assert {key: row[key] for key in ("name", "window", "dtype", "source", "licence")} == {
        "name": "tiny",
        "window": 4096,
        "dtype": "F32",
        "source": str(tiny),
        "licence": "",
    }
    assert set(row) == {
        "name",
        "parameters",
        "window",
        "dtype",
        "size",
        "source",
        "licence",
        "made_at",
        "files",
        "folder",
    }
    assert len(row["files"]["model.safetensors"]) == 64


def test_a_model_is_shown(tiny: Path, tmp_path: Path) -> None:
    run("pull", tiny, "--data", tmp_path)
    lines = run("show", "tiny", "--data", tmp_path).stdout.splitlines()
    shown = dict(line.split(":", 1) for line in lines)
    assert shown["window"].strip() == "4096"
    assert shown["licence"].strip() == "?"


def test_an_empty_shelf_says_how_to_fill_it(tmp_path: Path) -> None:
    listed = run("list", "--data", tmp_path)
    assert listed.exit_code == 0
    assert listed.stdout == f"no models in {tmp_path / 'models'}; `rostra model pull embedded` gets one\n"
    assert json.loads(run("list", "--json", "--data", tmp_path).stdout) == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("pull", "gpt-5"), "'gpt-5' is neither 'embedded' nor a folder with a model"),
        (("pull", "{tmp}"), "no model in "),
        (("pull", "{tiny}", "--name", "embedded"), "'embedded' cannot be the name of a copied model"),
        (("pull", "{tiny}", "--name", "../up"), "'../up' cannot be the name of a copied model"),
        (("show", "gpt-5"), "no model 'gpt-5' in "),
        (("list", "--config", "nowhere.toml"), "no file 'nowhere.toml'"),
    ],
    ids=["unknown", "empty", "reserved", "outside", "absent", "no configuration"],
)
def test_what_fails_is_said_in_one_line(
    arguments: tuple[str, ...], what: str, tiny: Path, tmp_path: Path
) -> None:
    filled = [argument.format(tmp=tmp_path, tiny=tiny) for argument in arguments]
    data = [] if "--config" in filled else ["--data", str(tmp_path / "data")]
    failed = run(*filled, *data)
    assert failed.exit_code == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith(f"error: {what}")
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [("pull",), ("show",), ("list", "--yaml"), ("fetch",)])
def test_wrong_use_has_status_two(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["pull", "list", "show"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: rostra model {command}" in run(command, "--help").stdout
