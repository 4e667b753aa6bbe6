"""A run says of itself what it was made of, whatever becomes of it."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from rostra.testing.clock import ManualClock
from rostra_models.testing import tiny_llama
from rostra_models.training.errors import TrainError
from rostra_models.training.loop import Means, Run
from rostra_models.training.record import LOCK, RECORD, read, recorded
from rostra_models.training.settings import Natural, Section
from rostra_models.versions import version_of


class Loop(Section):
    seed: Natural = 7


class Settings(Section):
    data: Path
    out: Path
    model: Path
    validation: Path | None = None
    reward: Path | None = None
    loop: Loop = Loop()


class Ticking(ManualClock):
    """A clock on which a second passes whenever somebody looks."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = 0

    def now(self) -> datetime:
        self.looked += 1
        return super().now() + timedelta(seconds=self.looked)


Work = Callable[[Settings], Run]


def trained(settings: Settings) -> Run:
    model = tiny_llama(settings.out / "model", seed=1)
    facts = {"validation_loss": 1.5, "perplexity": float("nan")}
    return Run(stage="tune", folder=settings.out, model=model, steps=3, facts=facts)


def run(settings: Settings, clock: Ticking, work: Work = trained, *, resume: bool = False) -> Run:
    @recorded("tune")
    def stage(settings: Settings, *, resume: bool = False, means: Means | None = None) -> Run:
        assert means is not None
        return work(settings)

    return stage(settings, resume=resume, means=Means(clock=clock))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    data = tmp_path / "talk.jsonl"
    data.write_text("{}\n", encoding="utf-8")
    return Settings(data=data, out=tmp_path / "run", model=tiny_llama(tmp_path / "base"))


def test_a_run_that_ends_says_what_it_was_made_of_and_what_came_of_it(settings: Settings) -> None:
    run(settings, Ticking())
    found = read(settings.out)
    assert found is not None
    assert (found.stage, found.state, found.seed, found.steps) == ("tune", "done", 7, 3)
    assert found.facts == {"validation_loss": 1.5}, "what is no number is no figure"
    assert (found.started, found.ended) == ("2026-01-01T00:00:01+00:00", "2026-01-01T00:00:02+00:00")
    (source,) = found.data
    assert (source.path, source.dataset) == (str(settings.data), {})
    assert source.files == {"talk.jsonl": sha256(b"{}\n").hexdigest()}
    assert found.parent is not None
    assert (found.parent.model, found.parent.run) == (str(settings.model), "")
    assert found.parent.version == version_of(settings.model).id
    assert found.version == version_of(settings.out / "model").id != found.parent.version
    assert {"python", "rostra", "torch", "transformers"} <= set(found.libraries)
    assert found.settings["loop"] == {"seed": 7}


def test_a_run_that_goes_on_from_anothers_result_knows_it(settings: Settings, tmp_path: Path) -> None:
    first = run(settings, Ticking())
    again = settings.model_copy(update={"out": tmp_path / "next", "model": first.model})
    run(again, Ticking())
    found = read(again.out)
    assert found is not None
    assert found.parent is not None
    assert found.parent.run == str(settings.out)


def test_what_a_policy_was_scored_by_is_known_as_well(settings: Settings, tmp_path: Path) -> None:
    scorer = run(settings, Ticking())
    again = settings.model_copy(update={"out": tmp_path / "next", "reward": scorer.model})
    run(again, Ticking())
    found = read(again.out)
    assert found is not None
    assert found.scored_by is not None
    assert (found.scored_by.model, found.scored_by.run) == (str(scorer.model), str(settings.out))
    assert found.parent is not None
    assert found.parent.model == str(settings.model)


def test_an_export_of_a_frozen_dataset_is_known_by_its_manifest(settings: Settings, tmp_path: Path) -> None:
    manifest = {"dataset": {"name": "helpful", "version": 3}, "dataset_sha256": "ab" * 32}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    run(settings, Ticking())
    found = read(settings.out)
    assert found is not None
    assert dict(found.data[0].dataset) == {"name": "helpful", "version": 3, "manifest": "ab" * 32}


@pytest.mark.parametrize(
    ("error", "state", "told"),
    [
        (TrainError("the loss is\nno number"), "failed", "the loss is no number"),
        (ZeroDivisionError(), "failed", "ZeroDivisionError"),
        (KeyboardInterrupt(), "stopped", ""),
        (SystemExit(1), "stopped", ""),
    ],
)
def test_a_run_that_does_not_come_to_its_end_says_why(
    settings: Settings, error: BaseException, state: str, told: str
) -> None:
    def work(_: Settings) -> Run:
        raise error

    with pytest.raises(type(error)):
        run(settings, Ticking(), work)
    found = read(settings.out)
    assert found is not None
    assert (found.state, found.error, found.model) == (state, told, "")
    assert found.ended


def test_while_it_runs_it_says_so_and_nobody_else_trains_there(settings: Settings) -> None:
    seen: list[str] = []

    def work(settings: Settings) -> Run:
        found = read(settings.out)
        seen.append(found.state if found else "")
        with pytest.raises(TrainError, match="another process trains in"):
            run(settings, Ticking())
        return trained(settings)

    run(settings, Ticking(), work)
    assert seen == ["running"]


def test_a_run_whose_process_is_gone_is_stopped(settings: Settings) -> None:
    run(settings, Ticking())
    told = json.loads((settings.out / RECORD).read_text())
    (settings.out / RECORD).write_text(json.dumps({**told, "state": "running"}))
    found = read(settings.out)
    assert found is not None
    assert found.state == "stopped"
    with (settings.out / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert read(settings.out) == replace(found, state="running")


def test_a_run_that_goes_on_keeps_when_it_began(settings: Settings) -> None:
    clock = Ticking()
    run(settings, clock)
    first = read(settings.out)
    run(settings, clock, resume=True)
    again = read(settings.out)
    assert first is not None
    assert again is not None
    assert again.started == first.started
    assert again.resumed == ("2026-01-01T00:00:03+00:00",)


def test_a_run_that_is_refused_leaves_the_record_of_the_one_that_is_there(settings: Settings) -> None:
    run(settings, Ticking())
    before = (settings.out / RECORD).read_bytes()
    checkpoint = settings.out / "checkpoints" / "step-00000001"
    checkpoint.mkdir(parents=True)
    (checkpoint / "state.pt").touch()

    def refused(_: Settings) -> Run:
        raise TrainError("holds checkpoints of a run")

    with pytest.raises(TrainError, match="holds checkpoints"):
        run(settings, Ticking(), refused)
    assert (settings.out / RECORD).read_bytes() == before


def test_of_several_processes_only_the_first_keeps_a_record(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    run(settings, Ticking())
    assert read(settings.out) is None


def test_what_is_no_record_is_none(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    for broken in ("{", "[]", "{}", '{"stage": "sft"}'):
        (tmp_path / RECORD).write_text(broken)
        assert read(tmp_path) is None
