"""``rostra runs``, and where a run lies that was told no folder."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rostra.components import find
from rostra.errors import ConfigError
from rostra_models.training.configured import settings
from rostra_models.training.errors import TrainError
from rostra_models.training.journal import METRICS
from rostra_models.training.record import RECORD, Parent, RunRecord, RunState, Source
from rostra_models.training.runs import fresh, lineage, named, remember, runs
from rostra_models.training.runs_cli import app
from rostra_models.training.settings import Section


def put(  # a run as it would lie there
    folder: Path, *, stage: str = "sft", day: int = 1, state: RunState = "done", parent: Parent | None = None
) -> Path:
    folder.mkdir(parents=True)
    record = RunRecord(
        stage=stage,
        state=state,
        started=f"2026-01-{day:02}T12:00:00+00:00",
        settings={},
        data=(
            Source(path="/talk.jsonl", files={"talk.jsonl": "ab"}, dataset={"name": "helpful", "version": 2}),
        ),
        parent=parent,
        steps=5 if state == "done" else 0,
        facts={"validation_loss": 1.25, "train_loss": 2.5} if state == "done" else {},
        model=str(folder / "model"),
    )
    (folder / RECORD).write_text(json.dumps(asdict(record)), encoding="utf-8")
    lines = [{"step": step, "loss": 3.0 - step / 10} for step in range(1, 6)]
    (folder / METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def rostra(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_it_is_found_under_its_name(tmp_path: Path) -> None:
    assert find("cli", "runs", tmp_path) is app


def test_runs_are_listed_newest_first_wherever_they_lie(tmp_path: Path, data_folder: Path) -> None:
    first = put(data_folder / "runs" / "sft-1")
    put(
        data_folder / "runs" / "deeper" / "sft-2", day=2, parent=Parent(model="m", version="", run=str(first))
    )
    far = put(tmp_path / "far" / "sft-3", day=3)
    gone = put(tmp_path / "gone", day=4)
    for folder in (far, gone, far, first):
        remember(folder, data_folder)
    (gone / RECORD).unlink()
    listed = rostra("list")
    assert listed.exit_code == 0
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert [row[0] for row in rows] == ["Name", "sft-3", "sft-2", "sft-1"]
    assert rows[2] == ["sft-2", "sft", "done", "5", "validation_loss", "1.2500", "sft-1"]
    told = json.loads(rostra("list", "--json").stdout)["runs"]
    assert [one["name"] for one in told] == ["sft-3", "sft-2", "sft-1"]
    assert told[0]["figure"] == {"name": "validation_loss", "value": 1.25}
    assert [
        one["name"] for one in json.loads(rostra("list", "--json", "--in", tmp_path / "far").stdout)["runs"]
    ] == ["sft-3"]
    known = (data_folder / "runs" / "known.txt").read_text().splitlines()
    assert known == [str(far), str(gone)], "each once, and none that lies there anyway"


def test_what_a_run_that_did_not_end_has_done_is_read_from_its_journal(tmp_path: Path) -> None:
    put(tmp_path / "cut", state="failed")
    (found,) = runs(tmp_path)
    assert (found.record.steps, dict(found.record.facts)) == (5, {"train_loss": 2.5})


def test_without_runs_it_says_how_to_make_some() -> None:
    assert rostra("list").stdout == "no runs yet; rostra train makes some\n"
    assert json.loads(rostra("list", "--json").stdout) == {"runs": []}


def test_a_run_is_named_by_its_name_how_it_begins_or_its_path(tmp_path: Path) -> None:
    for number, name in enumerate(("sft-1", "sft-10", "reward-1"), 1):
        put(tmp_path / name, day=number)
    among = runs(tmp_path)
    assert named("sft-1", among).name == "sft-1", "a whole name goes before the begin of another"
    assert named("rew", among).name == "reward-1"
    assert named(str(tmp_path / "sft-10"), []).name == "sft-10"
    with pytest.raises(TrainError, match="'sft' may be sft-10, sft-1: write more of it"):
        named("sft", among)
    with pytest.raises(TrainError, match="there is no run 'ppo'; there are: reward-1, sft-10, sft-1"):
        named("ppo", among)
    with pytest.raises(TrainError, match="there are: none"):
        named("", [])


def test_a_run_is_shown_with_all_it_goes_back_to(tmp_path: Path) -> None:
    first = put(tmp_path / "pre", stage="pretrain")
    second = put(tmp_path / "sft", parent=Parent(model="x", version="", run=str(first)))
    (second / "checkpoints" / "step-00000004").mkdir(parents=True)
    (second / "checkpoints" / "step-00000004" / "state.pt").touch()
    (second / "checkpoints" / "step-00000008").mkdir()
    shown = rostra("show", "sft", "--in", tmp_path)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert "goes back to: sft ← pre" in lines
    assert "checkpoints:  step-00000004" in lines
    assert "data:         /talk.jsonl (helpful@2), 1 files" in lines
    assert lines[-2].split() == ["validation_loss", "1.2500"]
    told = json.loads(rostra("show", str(second), "--json").stdout)
    assert [one["name"] for one in told["lineage"]] == ["pre"]
    assert (told["base"], told["state"], told["figure"]["value"]) == ("", "done", 1.25)


def test_a_line_that_leads_nowhere_or_in_a_circle_ends(tmp_path: Path) -> None:
    lost = put(tmp_path / "lost", parent=Parent(model="base", version="v", run=str(tmp_path / "gone")))
    circle = put(tmp_path / "circle", parent=Parent(model="m", version="", run=str(tmp_path / "circle")))
    by_name = {one.name: one for one in runs(tmp_path)}
    assert lineage(by_name[lost.name]) == ([by_name["lost"]], "base")
    assert lineage(by_name[circle.name]) == ([by_name["circle"]], "m")


@pytest.mark.slow
def test_curves_are_drawn_of_one_run_or_several(tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(tmp_path / name)
    for names in (["one"], ["one", "two"]):
        file = tmp_path / f"{len(names)}.png"
        done = rostra("plot", *names, "-o", file, "--in", tmp_path)
        assert (done.exit_code, done.stdout) == (0, f"{file} is written\n")
        assert file.read_bytes().startswith(b"\x89PNG")
    (tmp_path / "one" / METRICS).unlink()
    for wrong, said in ((["one"], "nothing to draw"), (["two", str(tmp_path / "two")], "the same name")):
        assert said in str(rostra("plot", *wrong, "-o", tmp_path / "x.png", "--in", tmp_path).exception)
    nowhere = rostra("plot", "two", "-o", tmp_path / "no" / "x.png", "--in", tmp_path)
    assert "there is no folder" in str(nowhere.exception)


class SftSettings(Section):
    out: Path
    rank: int = 0


def test_a_run_that_is_told_no_folder_gets_a_new_one_among_the_others(data_folder: Path) -> None:
    first = settings(SftSettings, None, ["rank=3"])
    second = settings(SftSettings, None, [])
    assert first.rank == 3
    assert first.out.parent == data_folder / "runs"
    assert first.out.name.startswith("sft-20")
    assert (first.out.name[-2:], second.out.name[-2:]) == ("-1", "-2")
    assert first.out.is_dir()
    with pytest.raises(ConfigError, match="rank"):
        settings(SftSettings, None, ["rank=many"])
    assert len(list((data_folder / "runs").iterdir())) == 2, "wrong settings make no folder"


def test_a_run_goes_on_where_the_newest_of_its_stage_lies(data_folder: Path) -> None:
    with pytest.raises(ConfigError, match="no sft run to go on with"):
        settings(SftSettings, None, [], resume=True)
    put(data_folder / "runs" / "a", day=1)
    newest = put(data_folder / "runs" / "b", day=2, state="failed")
    put(data_folder / "runs" / "c", stage="reward", day=3)
    assert settings(SftSettings, None, [], resume=True).out == newest


def test_a_run_that_is_told_its_folder_lies_there_and_is_found(tmp_path: Path, data_folder: Path) -> None:
    file = tmp_path / "sft.toml"
    file.write_text(f"out = {json.dumps(str(tmp_path / 'mine'))}\n")
    assert tomllib.loads(file.read_text())["out"] == str(settings(SftSettings, file, []).out)
    put(tmp_path / "mine")
    assert [one["name"] for one in json.loads(rostra("list", "--json").stdout)["runs"]] == ["mine"]
    del data_folder


def test_processes_that_train_together_are_told_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="say where it lies with --set out=FOLDER"):
        settings(SftSettings, None, [])


def test_folders_are_numbered_from_what_is_there(tmp_path: Path) -> None:
    day = datetime(2026, 3, 4, tzinfo=UTC)
    assert [fresh("ppo", tmp_path, day).name for _ in range(3)] == [
        "ppo-2026-03-04-1",
        "ppo-2026-03-04-2",
        "ppo-2026-03-04-3",
    ]
