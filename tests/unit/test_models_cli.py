"""``rostra model``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rostra.app import open_app
from rostra.components import find
from rostra.config import load
from rostra_models.cli import app
from rostra_models.testing import tiny_llama
from rostra_models.versions import version_of


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
        "architecture",
        "engine",
        "template",
        "version",
        "content",
        "used_by",
        "deployed",
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
        (
            ("pull", "gpt-5"),
            "'gpt-5' is neither 'embedded', nor a folder, nor a '.gguf' file, nor OWNER/NAME",
        ),
        (("pull", "{tmp}"), "no model in "),
        (("pull", "{tiny}", "--name", "embedded"), "'embedded' cannot be the name of a copied model"),
        (("pull", "{tiny}", "--name", "../up"), "'../up' cannot be the name of a copied model"),
        (("show", "gpt-5"), "no model 'gpt-5' in "),
        (("convert", "gpt-5", "--to", "gguf"), "'gpt-5' is neither a model that"),
        (("convert", "{tiny}", "--to", "gguf", "--name", "x"), "--name 'x' is for models that are kept"),
        (("convert", "{tiny}", "--to", "float32", "--out", "x"), "--out 'x' is for GGUF files"),
        (("convert", "{tiny}", "--to", "float32", "--name", "a/b"), "'a/b' cannot be the name"),
        (("list", "--config", "nowhere.toml"), "no file 'nowhere.toml'"),
    ],
    ids=[
        "unknown",
        "empty",
        "reserved",
        "outside",
        "absent",
        "nothing",
        "name",
        "out",
        "slash",
        "no configuration",
    ],
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


@pytest.mark.parametrize(
    "arguments",
    [
        ("pull",),
        ("show",),
        ("list", "--yaml"),
        ("fetch",),
        ("convert", "x"),
        ("convert", "x", "--to", "int3"),
    ],
)
def test_wrong_use_has_status_two(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["pull", "list", "show", "convert"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: rostra model {command}" in run(command, "--help").stdout


def test_more_is_said_about_a_model_than_where_it_is_from(tiny: Path, tmp_path: Path) -> None:
    run("pull", tiny, "--data", tmp_path)
    config = tmp_path / "rostra.toml"
    config.write_text(
        f'data = "{tmp_path}"\n[models.mine]\nkind = "local"\nfolder = "tiny"\n[models.demo]\nkind = "canned"\n'
    )
    row = json.loads(run("show", "tiny", "--json", "--config", config).stdout)
    assert (row["architecture"], row["engine"], row["template"]) == ("llama", "lean", True)
    assert row["used_by"] == ["mine"]
    assert row["version"] == version_of(tiny).id
    assert row["content"] == version_of(tiny).content
    shown = dict(line.split(":", 1) for line in run("show", "tiny", "--config", config).stdout.splitlines())
    assert (shown["template"].strip(), shown["used_by"].strip()) == ("yes", "mine")


def test_weights_are_converted_to_another_type_under_another_name(tiny: Path, tmp_path: Path) -> None:
    run("pull", tiny, "--data", tmp_path)
    made = run("convert", "tiny", "--to", "bfloat16", "--data", tmp_path)
    assert made.stdout == f"tiny-bfloat16 is ready: {tmp_path / 'models' / 'tiny-bfloat16'}\n"
    assert made.stderr == "converting to bfloat16 …\n"
    rows = {row["name"]: row for row in json.loads(run("list", "--json", "--data", tmp_path).stdout)}
    assert {name: row["dtype"] for name, row in rows.items()} == {"tiny": "F32", "tiny-bfloat16": "BF16"}
    assert rows["tiny-bfloat16"]["source"] == f"{tiny} as bfloat16"
    assert rows["tiny-bfloat16"]["version"] != rows["tiny"]["version"]
    assert 0 < rows["tiny-bfloat16"]["size"] < rows["tiny"]["size"] * 0.6


def test_a_model_becomes_a_gguf_file_which_can_be_pulled(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny.gguf"
    made = run("convert", tiny, "--to", "gguf", "--packing", "f16", "--out", out, "--data", tmp_path)
    assert made.stdout == f"{out} is ready: 0 MB\n"
    assert run("pull", out, "--name", "again", "--dtype", "bfloat16", "--data", tmp_path).exit_code == 0
    row = json.loads(run("show", "again", "--json", "--data", tmp_path).stdout)
    assert (row["source"], row["dtype"], row["architecture"]) == (str(out), "BF16", "llama")
    again = run("convert", tiny, "--to", "gguf", "--out", out, "--data", tmp_path)
    assert again.stderr == f"error: {str(out)!r} exists; give another file with --out\n"


def test_what_answered_so_far_is_listed(tmp_path: Path) -> None:
    config = tmp_path / "rostra.toml"
    config.write_text(f'data = "{tmp_path}"\n[models.demo]\nkind = "canned"\n')
    assert run("list", "--versions", "--config", config).stdout == "no model has answered yet\n"

    async def answer() -> None:
        async with open_app(load(config), adapters={}):
            pass

    asyncio.run(answer())
    (row,) = json.loads(run("list", "--versions", "--json", "--config", config).stdout)
    assert (row["name"], row["source"], len(row["id"])) == ("demo", "canned", 32)
    lines = run("list", "--versions", "--config", config).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["VERSION", "NAME"], [row["id"][:12], "demo"]]
