"""Datasets from the command line: frozen, written, read, shown and sent."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standin_dataset_hub import dataset_hub

from rostra.cli.main import run
from rostra.feedback.data.formats import NAMES
from rostra.storage import open_store
from rostra.testing.clock import ManualClock
from rostra.testing.dataset_stand import RATERS, Stand, stand

pytestmark = [
    pytest.mark.slow,
    # huggingface_hub's own way to send a file
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

QUESTIONS = ("how do I boil an egg?", "mail ann@example.com or call 030 1234567")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "rostra.toml").write_text('data = "data"\n[models.echo]\nkind = "canned"\n')
    asyncio.run(filled(tmp_path))


async def opened(folder: Path, work: Any) -> None:
    """Do something with the database of the configuration, at a time that lies before now."""
    clock = ManualClock(datetime(2020, 1, 1, tzinfo=UTC))
    data = folder / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    async with open_store("", data=data, clock=clock) as store:
        await work(store, clock)


async def filled(folder: Path) -> None:
    """Have two questions ranked by two raters each, and one by somebody who agreed to nothing."""

    async def fill(store: Any, clock: ManualClock) -> None:
        where: Stand = await stand(store, clock, folder)
        await where.agree("ann", *RATERS, scopes=("publish",))
        for question in QUESTIONS:
            # whatever the two were shown where, their best-worst pairs cannot undo each other
            await where.ask(question, "A > B = C = D", "+B -D")
        await where.ask("asked by eve", "A > B", asker="eve")

    await opened(folder, fill)


def answered(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(["data", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def failed(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 1) -> str:
    capsys.readouterr()
    assert run(["data", *arguments]) == status
    return capsys.readouterr().err


def contents(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_a_dataset_is_frozen_written_written_again_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    frozen = answered(capsys, "freeze", "best", "--validation", "0", "--test", "0")
    assert (frozen["name"], frozen["version"], frozen["purpose"]) == ("best", 1, "train")
    assert (frozen["judgments"]["train"], frozen["refused"]) == (4, {"author_consent": 1})
    done = answered(capsys, "export", "best")
    assert done["folder"] == "best-1-canonical"
    assert (done["rows"], done["refused"], done["not_said"]) == (4, {}, {})
    assert set(contents(done["folder"])) == {"train.jsonl", "README.md", "manifest.json"}
    assert not any(b"example.com" in each or b"1234567" in each for each in contents(done["folder"]).values())
    again = answered(capsys, "export", "best@1", "-o", "again", "--key", done["key"])
    assert contents("again") == contents(done["folder"])
    assert again["sha256"] == done["sha256"]
    other = answered(capsys, "export", "best", "-o", "other", "--no-scrub")
    assert other["sha256"] != done["sha256"]
    assert b"ann@example.com" in contents("other")["train.jsonl"]
    shown = answered(capsys, "show", "best")
    assert [one["version"] for one in shown["datasets"]] == [1]
    assert {one["uri"] for one in shown["exports"]} == {
        str(Path(name).resolve()) for name in ("best-1-canonical", "again", "other")
    }
    assert run(["data", "show"]) == 0
    assert "best@1" in capsys.readouterr().out


def test_every_form_is_written_and_read_again(capsys: pytest.CaptureFixture[str]) -> None:
    answered(capsys, "freeze", "best", "--validation", "0", "--test", "0")
    for name in NAMES:
        done = answered(capsys, "export", "best", "--format", name, "-o", name)
        file = str(Path(name) / done["files"][0]["name"])
        read = answered(capsys, "import", file, "--format", name, "-o", f"{name}-back", "--split", "train")
        assert read["judgments"] == {"hh": 16, "openai": 16}.get(name, 4), name
        assert (read["prompts"], read["not_used"]) == (2, {})
        assert read["files"][0]["name"] == "train.jsonl"
    soft = answered(
        capsys, "export", "best", "-f", "trl", "--labels", "soft", "--pairs", "best-worst", "-o", "s"
    )
    assert soft["rows"] >= 2
    columns = answered(capsys, "export", "best", "-f", "trl", "--as", "parquet", "-o", "p")
    assert columns["files"][0]["name"] == "train.parquet"


def test_after_an_erasure_the_exports_are_recalled_and_can_be_deleted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answered(capsys, "freeze", "best", "--validation", "0", "--test", "0")
    answered(capsys, "export", "best", "-o", "out")

    async def erase(store: Any, clock: ManualClock) -> None:
        await clock.advance(1e9)
        await store.erase("console", RATERS[0])

    asyncio.run(opened(tmp_path, erase))
    shown = answered(capsys, "show", "best")
    assert shown["datasets"][0]["tainted"] is True
    assert [one["state"] for one in shown["exports"]] == ["recalled: delete it, or say --delete-recalled"]
    assert run(["data", "show", "best"]) == 0
    assert "tainted: freeze it again" in capsys.readouterr().out.replace("\n", " ")
    deleted = answered(capsys, "show", "best", "--delete-recalled")
    assert [one["state"] for one in deleted["exports"]] == ["recalled, and deleted now"]
    assert not Path("out").exists()
    after = answered(capsys, "export", "best", "-o", "after")
    assert (after["rows"], sum(after["refused"].values())) == (2, 2)


def test_an_export_is_pushed_as_private_and_as_public_only_where_all_agreed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(capsys, "freeze", "best")
    with dataset_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert "HF_TOKEN" in failed(capsys, "export", "best", "-o", "a", "--push", "ann/best")
        monkeypatch.setenv("HF_TOKEN", hub.token)
        done = answered(capsys, "export", "best", "-o", "b", "--push", "ann/best")
        assert done["pushed"]["public"] is False
        assert hub.private == {"ann/best": True}
        assert hub.files == contents("b")
        said = failed(capsys, "export", "best", "-o", "c", "--push", "ann/open", "--public")
        assert "not everybody" in said
        answered(capsys, "freeze", "best", "--for", "publish")
        done = answered(capsys, "export", "best", "-o", "d", "--push", "ann/open", "--public")
        assert (done["pushed"]["public"], hub.private["ann/open"]) == (True, False)


def test_what_cannot_be_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    said = failed(capsys, "export", "best")
    assert said == "rostra: there is no dataset 'best'; there are: none\n"
    answered(capsys, "freeze", "best")
    Path("there").mkdir()
    for arguments, told in (
        (
            ("freeze", "best", "--campaign", "none"),
            "there is no campaign 'none'; there are: 'which is better'",
        ),
        (("freeze", "a b"), "cannot be called 'a b'"),
        (("freeze", "best", "--since", "2200-01-01"), "there are none"),
        (("freeze", "best", "--test", "1.5"), "the share of test is 1.5"),
        (("export", "best@x"), "has no version"),
        (("export", "best@9"), "there are: best@1"),
        (("export", "best", "-o", "there"), "is there already"),
        (("export", "best", "-f", "openai", "--as", "parquet"), "openai cannot be 'parquet'"),
        (("export", "best", "--key", "0" * 16), "there is no key"),
        (("export", "best", "--scrub", "other"), "no scrubber 'other' is installed (pii)"),
        (("import", "nowhere.jsonl", "-o", "x"), "there is no file"),
    ):
        said = failed(capsys, *arguments)
        assert told in said, arguments
        assert said.count("\n") == 1
    assert "--push OWNER/NAME" in failed(capsys, "export", "best", "--public", status=2)
    assert "either" in failed(capsys, "export", "best", "--scrub", "pii", "--no-scrub", status=2)
