"""Data that is no file: our own frozen datasets, and those of the hub."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rostra.feedback.data.record import Answer, Record
from rostra.places import Person
from rostra.storage import open_store
from rostra.stores import Store
from rostra.testing.clock import ManualClock
from rostra.testing.dataset_stand import RATERS, Stand, stand
from rostra_models.testing import tiny_llama
from rostra_models.training.errors import TrainError
from rostra_models.training.passes import PassesLoop
from rostra_models.training.ranked import divided
from rostra_models.training.record import read
from rostra_models.training.reward import RewardSettings
from rostra_models.training.sft import SftSettings, sft
from rostra_models.training.sources import HubDataset, best_of, hub_dataset, sourced
from rostra_models.versions import version_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def with_store(data: Path, work: Callable[[Any, ManualClock], Awaitable[None]]) -> None:
    """Do something with the store of the data folder, at a time that lies before now."""
    clock = ManualClock(datetime(2020, 1, 1, tzinfo=UTC))
    data.mkdir(mode=0o700, exist_ok=True)

    async def run() -> None:
        async with open_store("", data=data, clock=clock) as store:
            await work(store, clock)

    asyncio.run(run())


@pytest.fixture
def frozen(data_folder: Path) -> str:
    """The id of a frozen dataset `helpful` in the data folder."""
    ids: list[str] = []

    async def fill(store: Store, clock: ManualClock) -> None:
        where: Stand = await stand(store, clock, data_folder)
        await where.agree("ann", *RATERS)
        for number, question in enumerate(
            ("how do I boil an egg?", "why is the sky so blue?", "who wrote Faust?")
        ):
            await where.ask(question, "A > B = C > D", "A > D" if number else "D > A")
        ids.append((await where.freeze("helpful")).dataset.id)

    with_store(data_folder, fill)
    return ids[0]


def sft_settings(tmp_path: Path, data: str) -> SftSettings:
    return SftSettings(
        data=Path(data),
        model=tmp_path / "base",
        out=tmp_path / "run",
        sample_tokens=0,
        loop=PassesLoop(steps=1, learning_rate=0.01, tensorboard=False, plot=False),
    )


@pytest.mark.slow
def test_the_best_answers_of_a_frozen_dataset_are_learned_and_its_people_are_known_to_have_been_seen(
    frozen: str, tmp_path: Path, data_folder: Path
) -> None:
    tiny_llama(tmp_path / "base")
    run = sft(sft_settings(tmp_path, "helpful"))
    record = read(run.folder)
    assert record is not None
    (source,) = record.data
    assert (source.path, source.dataset["id"], source.dataset["name"]) == ("helpful", frozen, "helpful")
    assert "manifest.json" in source.files
    rows = [
        json.loads(line)
        for file in (run.folder / "sources" / "data-said").glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert all([one["role"] for one in row["messages"]] == ["user", "assistant"] for row in rows)
    assert all(row["text"] == "\n\n".join(one["content"] for one in row["messages"]) for row in rows)
    sft(sft_settings(tmp_path, "helpful"), resume=True)

    async def seen(store: Any, clock: ManualClock) -> None:
        del clock
        version = version_of(run.model).id
        kept = await store.version_of(version)
        assert (kept.kind, kept.parent) == ("sft", version_of(tmp_path / "base").id)
        rater = await store.pseudonym("console", Person(id=RATERS[0]))
        assert (await store.lineage(rater)).models == (version,)
        exports = await store.exports(frozen)
        assert [one.uri for one in exports] == [str(run.folder / "sources" / "data")], (
            "resumed, it is not written again"
        )

    with_store(data_folder, seen)


@pytest.mark.slow
def test_rankings_of_a_frozen_dataset_are_read_as_they_were_made_by_name_version_or_id(
    frozen: str, tmp_path: Path
) -> None:
    for number, name in enumerate(("helpful", "helpful@1", frozen)):
        given = RewardSettings(data=Path(name), model=Path("m"), out=tmp_path / str(number))
        sides, lost = divided(sourced(given))
        assert sum(len(side) for side in sides.values()) >= 2
        assert not lost


@pytest.mark.slow
def test_a_run_does_not_go_on_with_what_somebody_withdrew_from(
    frozen: str, tmp_path: Path, data_folder: Path
) -> None:
    del frozen
    given = RewardSettings(data=Path("helpful"), model=Path("m"), out=tmp_path / "run")
    first = sourced(given)
    assert sourced(given) == first

    async def withdraw(store: Any, clock: ManualClock) -> None:
        del clock
        await store.erase("console", RATERS[0])

    with_store(data_folder, withdraw)
    with pytest.raises(TrainError, match="somebody in helpful@1 withdrew since it was written"):
        sourced(given)


@pytest.mark.slow
def test_what_is_neither_a_file_nor_a_dataset_is_said_to_be_neither(frozen: str, tmp_path: Path) -> None:
    del frozen
    for name, said in (
        (
            "nothing",
            "no such file or folder is here, and there is no dataset 'nothing'; there are: helpful@1",
        ),
        ("helpful@2", "there is no dataset 'helpful@2'"),
    ):
        given = RewardSettings(data=Path(name), model=Path("m"), out=tmp_path / "run")
        with pytest.raises(TrainError, match=said):
            sourced(given)
    file = RewardSettings(data=Path("pairs.jsonl"), model=Path("m"), out=tmp_path / "run")
    assert sourced(file) is not None, "whose reader says that it is not there"
    given = RewardSettings(data=Path("helpful"), model=Path("m"), out=tmp_path / "run")
    sourced(given)
    with pytest.raises(TrainError, match="was fetched from 'helpful', not 'helpful@1'"):
        sourced(given.model_copy(update={"data": Path("helpful@1")}))


def record_of(*tiers: int | None) -> Record:
    answers = tuple(
        Answer(id=letter, text=letter, tier=tier) for letter, tier in zip("abc", tiers, strict=False)
    )
    return Record(id="r", batch="b", prompt="p", context=(), answers=answers, at=NOON)


def test_the_best_answer_stands_best_on_average_of_all_who_judged() -> None:
    assert best_of([record_of(2, 1, 3)]) == "b"
    assert best_of([record_of(1, 2, 3), record_of(3, 1, 2), record_of(2, 1, 3)]) == "b"
    assert best_of([record_of(1, 1, 2), record_of(2, 1, None)]) == "b"
    assert best_of([record_of(1, 1, 1)]) is None, "nothing is better than anything"
    assert best_of([record_of(1, None, None)]) is None
    assert best_of([replace(record_of(1, 2), outcome="skipped")]) is None


def test_a_dataset_of_the_hub_is_named_with_its_configuration_its_split_and_how_much_of_it() -> None:
    def named(name: str, config: str | None, split: str, count: int | None = None) -> HubDataset:
        return HubDataset(name=name, config=config, split=split, count=count)

    assert hub_dataset("hf:owner/name") == named("owner/name", None, "train")
    assert hub_dataset("hf:owner/name:test") == named("owner/name", None, "test")
    assert hub_dataset("hf:owner/name:en") == named("owner/name", "en", "train")
    assert hub_dataset("hf:owner/name:en:train_sft[:100]") == named("owner/name", "en", "train_sft", 100)
    for wrong in ("hf:", "hf:a:b:c:train", "hf:a::train", "hf:a:train[5:]"):
        with pytest.raises(TrainError, match=r"is not hf:NAME\[:CONFIG\]\[:SPLIT\]"):
            hub_dataset(wrong)


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    given = RewardSettings(data=Path("hf:owner/name"), model=Path("m"), out=tmp_path / "run")
    with pytest.raises(TrainError, match=r"pip install 'rostra\[datasets\]'"):
        sourced(given)
    assert not (tmp_path / "run" / "sources" / "data").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("hub_offline")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_rows_of_a_dataset_are_streamed_into_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    there = tmp_path / "there"
    there.mkdir()
    rows = [{"question": f"what is {number}?", "answer": str(number)} for number in range(50)]
    (there / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    given = sft_settings(tmp_path, f"hf:{there}:train[:20]")
    found = sourced(given)
    assert found.data == tmp_path / "run" / "sources" / "data" / "rows.jsonl"
    assert [json.loads(line) for line in found.data.read_text().splitlines()] == rows[:20]
    (there / "train.jsonl").unlink()
    assert sourced(given) == found, "what was fetched is not fetched again"
    with pytest.raises(TrainError, match="cannot be read: "):
        sourced(sft_settings(tmp_path / "other", f"hf:{there}:validation"))
