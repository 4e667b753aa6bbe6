"""From a run to the bot: what is tried out, kept, recorded, refused."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from training_talk import talk

from rostra.cli.main import run as rostra
from rostra.clock import SystemClock
from rostra.config import load
from rostra.deployments import in_force
from rostra.errors import ConfigError, ModelError
from rostra.feedback.values import DatasetVersion
from rostra.storage import open_store
from rostra.stores import Store
from rostra.testing.collected import collect
from rostra_models.testing import tiny_llama
from rostra_models.training.deploy import Deployed, Means, candidate, check, deploy
from rostra_models.training.record import RECORD, Parent, RunRecord, Source
from rostra_models.training.runs import runs
from rostra_models.versions import version_of


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store]:
    async with open_store("memory:", data=tmp_path, clock=SystemClock()) as opened:
        yield opened


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "base")


def put(
    folder: Path,
    base: Path,
    *,
    seed: int = 1,
    stage: str = "sft",
    dataset: DatasetVersion | None = None,
    scored_by: Path | None = None,
) -> Path:
    """Make a run as it would lie there; ``scored_by`` is the run of a reward model."""
    model = tiny_llama(folder / "model", seed=seed)
    before = base.parent if (base.parent / RECORD).is_file() else None
    told = dataset and {"name": dataset.name, "version": dataset.version, "manifest": dataset.manifest}
    record = RunRecord(
        stage=stage,
        state="done",
        started="2026-01-01T12:00:00+00:00",
        ended="2026-01-01T13:00:00+00:00",
        settings={},
        data=(Source(path="talk.jsonl", files={}, dataset=told or {}),),
        parent=Parent(model=str(base), version=version_of(base).id, run=str(before) if before else ""),
        model=str(model),
        version=version_of(model).id,
        facts={"validation_loss": 1.25},
        scored_by=scored_by and Parent(model=str(scored_by / "model"), version="", run=str(scored_by)),
    )
    (folder / RECORD).write_text(json.dumps(asdict(record)), encoding="utf-8")
    return folder


async def put_into_service(
    store: Store,
    data: Path,
    wanted: str,
    name: str = "",
    place: str = "*",
    *,
    asked: list[Path] | None = None,
) -> Deployed:
    def tried(folder: Path) -> None:
        if asked is not None:
            asked.append(folder)

    means = Means(
        models=data / "models",
        settings=load(None, {"ROSTRA_DATA": str(data)}),
        clock=SystemClock(),
        progress=lambda _what, _share: None,
        tried=tried,
    )
    found = candidate(wanted, data / "models", runs(data / "runs"))
    return await deploy(store, found, name, place, means)


async def test_a_run_is_tried_out_kept_and_recorded_with_all_it_goes_back_to(
    store: Store, data_folder: Path, base: Path
) -> None:
    first = put(data_folder / "runs" / "pre-1", base, seed=1, stage="pretrain")
    put(data_folder / "runs" / "sft-1", first / "model", seed=2)
    asked: list[Path] = []
    done = await put_into_service(store, data_folder, "sft", place="discord/*", asked=asked)
    assert asked == [data_folder / "runs" / "sft-1" / "model"]
    assert done.folder == data_folder / "models" / "sft-1"
    made = done.deployment
    assert (made.name, made.place, made.run) == ("sft-1", "discord/*", str(data_folder / "runs" / "sft-1"))
    assert made.version == version_of(done.folder).id
    assert dict(made.evidence) == {"validation_loss": 1.25}
    assert [one["run"] for one in made.lineage] == ["sft-1", "pre-1"]
    assert [(one["from"], one["from_version"]) for one in made.lineage][1] == (str(base), version_of(base).id)
    assert list(await store.deployments()) == [made]
    own = await store.version_of(made.version)
    assert own is not None
    assert (own.name, own.kind) == ("sft-1", "sft")
    before = await store.version_of(own.parent)
    assert before is not None
    assert (before.name, before.kind, before.parent) == ("pre-1", "base", version_of(base).id)


async def test_the_one_before_can_be_deployed_again_and_is_not_kept_twice(
    store: Store, data_folder: Path, base: Path
) -> None:
    for number in (1, 2):
        put(data_folder / "runs" / f"sft-{number}", base, seed=number)
        await put_into_service(store, data_folder, f"sft-{number}")
    asked: list[Path] = []
    await put_into_service(store, data_folder, "sft-1", asked=asked)
    assert asked == [], "it answered here before"
    assert [one.name for one in in_force(await store.deployments())] == ["sft-1"]
    assert sorted(one.name for one in (data_folder / "models").iterdir() if one.is_dir()) == [
        "sft-1",
        "sft-2",
    ]
    put(data_folder / "elsewhere" / "sft-1", base, seed=3)
    other = await put_into_service(store, data_folder, str(data_folder / "elsewhere" / "sft-1"))
    assert other.deployment.name == "sft-1-2", "another model of the same name is kept beside it"
    with pytest.raises(
        ModelError, match="another model is kept as 'sft-2' already; give another name with --as"
    ):
        await put_into_service(store, data_folder, "sft-1", "sft-2")


async def test_a_kept_model_and_a_folder_are_deployed_with_what_is_known_of_their_run(
    store: Store, data_folder: Path, base: Path
) -> None:
    put(data_folder / "runs" / "sft-1", base)
    kept = await put_into_service(store, data_folder, "sft-1", "mine")
    again = await put_into_service(store, data_folder, "mine")
    assert (again.deployment.name, again.deployment.run) == ("mine", kept.deployment.run)
    checkpoint = tiny_llama(data_folder / "runs" / "sft-1" / "checkpoints" / "step-00000002", seed=5)
    part = await put_into_service(store, data_folder, str(checkpoint), "part")
    assert (part.deployment.run, part.warnings[:1]) == (kept.deployment.run, part.warnings)
    plain = await put_into_service(store, data_folder, str(base))
    assert (plain.deployment.name, plain.deployment.run, plain.warnings) == ("base", "", [])


async def test_what_a_policy_and_its_reward_model_both_go_back_to_is_warned_of_once(
    store: Store, data_folder: Path, base: Path
) -> None:
    runs = data_folder / "runs"
    first = put(runs / "sft-1", base, seed=1)
    judge = put(runs / "reward-1", first / "model", seed=2, stage="reward")
    put(runs / "ppo-1", first / "model", seed=3, stage="ppo", scored_by=judge)
    done = await put_into_service(store, data_folder, "ppo-1")
    assert [name for one in done.warnings for name in ("ppo-1", "sft-1", "reward-1") if name in one] == [
        "ppo-1",
        "reward-1",
        "sft-1",
    ]


async def test_data_without_recorded_permission_is_named_and_a_frozen_dataset_is_linked(
    store: Store, data_folder: Path, base: Path
) -> None:
    kept = await collect(store)
    (dataset,) = [one for one in await store.datasets() if one.id == kept.dataset]
    put(data_folder / "runs" / "clean", base, seed=1, dataset=dataset)
    put(data_folder / "runs" / "plain", base, seed=2)
    clean = await put_into_service(store, data_folder, "clean")
    assert clean.warnings == []
    plain = await put_into_service(store, data_folder, "plain")
    assert [one.partition(",")[0] for one in plain.warnings] == ["no permission is recorded for 'talk.jsonl'"]
    assert clean.deployment.version in (await store.lineage(kept.rater)).models
    assert plain.deployment.version not in (await store.lineage(kept.rater)).models
    changed = replace(dataset, manifest="f" * 64)
    put(data_folder / "runs" / "forged", base, seed=3, dataset=changed)
    forged = await put_into_service(store, data_folder, "forged")
    assert forged.deployment.version not in (await store.lineage(kept.rater)).models


async def test_a_model_that_was_changed_since_is_said_to_be(
    store: Store, data_folder: Path, base: Path
) -> None:
    folder = put(data_folder / "runs" / "sft-1", base)
    tiny_llama(folder / "model", seed=9)
    done = await put_into_service(store, data_folder, "sft-1")
    assert "was changed since it was trained" in done.warnings[0]


def test_what_could_not_be_the_bots_is_refused_in_plain_words(tmp_path: Path, base: Path) -> None:
    with pytest.raises(ModelError, match="has no chat template, so nobody knows how it is asked"):
        check(tiny_llama(tmp_path / "mute", template=None))
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(
        json.dumps({**config, "architectures": ["LlamaForSequenceClassification"]})
    )
    with pytest.raises(ModelError, match="is a reward model: it scores answers and gives none"):
        check(base)
    (base / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no model in"):
        check(base)


def test_what_is_nothing_and_what_did_not_end_are_refused(data_folder: Path, base: Path) -> None:
    folder = put(data_folder / "runs" / "cut", base)
    told = json.loads((folder / RECORD).read_text())
    (folder / RECORD).write_text(json.dumps({**told, "state": "failed"}))
    with pytest.raises(ModelError, match="run 'cut' is failed: what is deployed has come to its end"):
        candidate("cut", data_folder / "models", runs(data_folder / "runs"))
    with pytest.raises(ModelError, match="'nothing' is neither a run"):
        candidate("nothing", data_folder / "models", [])


async def test_a_model_that_cannot_answer_leaves_everything_as_it_was(
    store: Store, data_folder: Path, base: Path
) -> None:
    made = put(data_folder / "runs" / "sft-1", base) / "model" / "tokenizer.json"
    made.write_text("{}", encoding="utf-8")
    means = Means(
        models=data_folder / "models",
        settings=load(None, {"ROSTRA_DATA": str(data_folder)}),
        clock=SystemClock(),
        progress=lambda _what, _share: None,
    )
    found = candidate("sft-1", data_folder / "models", runs(data_folder / "runs"))
    with pytest.raises(ModelError, match="does not answer: "):
        await deploy(store, found, "", "*", means)
    assert list(await store.deployments()) == []
    assert list(await store.model_versions()) == []
    assert not (data_folder / "models" / "sft-1").exists()


async def test_a_name_of_the_configuration_is_refused(store: Store, data_folder: Path, base: Path) -> None:
    put(data_folder / "runs" / "sft-1", base)
    with pytest.raises((ConfigError, ModelError), match="embedded"):
        await put_into_service(store, data_folder, "sft-1", "embedded")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_was_trained_answers_in_the_chat(
    tmp_path: Path,
    data_folder: Path,
    base: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    loop = [f"loop.{one}" for one in ("steps=40", "learning_rate=0.02", "tensorboard=false", "plot=false")]
    given = [f"data={talk(tmp_path)}", f"model={base}", "sample_tokens=0", *loop]
    assert rostra(["train", "sft", *(word for one in given for word in ("--set", one))]) == 0
    assert rostra(["model", "deploy", "sft", "--as", "parrot"]) == 0
    said = capsys.readouterr()
    assert said.out.endswith("parrot answers everywhere from the bot's next start\n")
    assert "no permission is recorded" in said.err
    assert rostra(["model", "list", "--json"]) == 0
    (kept,) = json.loads(capsys.readouterr().out)
    assert (kept["name"], kept["deployed"]) == ("parrot", ["*"])
    assert rostra(["chat", "--once", "adefghd"]) == 0
    answer = capsys.readouterr().out.strip()
    assert answer
    assert set(answer) < set("abc"), "it repeats a letter, as it was taught; untaught it says all of them"
    assert (data_folder / "rostra.db").is_file()
