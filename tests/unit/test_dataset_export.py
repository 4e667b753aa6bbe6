from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rostra.chat import Sampling
from rostra.feedback.data.export import Exported, Order, export
from rostra.feedback.data.formats import NAMES, Options
from rostra.feedback.data.freeze import Frozen, Selection, freeze
from rostra.feedback.data.importing import Intake, import_files
from rostra.feedback.data.recall import delete, recalled
from rostra.feedback.data.record import DatasetError, from_plain
from rostra.feedback.data.scrub import installed
from rostra.feedback.data.shapes import digest_of, read_rows
from rostra.feedback.data.split import Shares
from rostra.feedback.values import Batch, Candidate, Line, Rating, Split, Task, new_id
from rostra.storage import open_store
from rostra.testing.ballots import consent, said, somebody
from rostra.testing.clock import ManualClock
from rostra.testing.dataset_records import NOON
from rostra.testing.dataset_stand import PLACE, RATERS, Stand, stand
from rostra.versions import ModelVersion, canonical

ALL = ("train", "validation", "test")
BOTH = pytest.mark.parametrize("here", ["memory", "sqlite"], indirect=True)


@pytest.fixture
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Stand]:
    clock = ManualClock()
    url = (
        "memory:"
        if getattr(request, "param", "memory") == "memory"
        else f"sqlite:///{tmp_path / 'rostra.db'}"
    )
    async with open_store(url, data=tmp_path, clock=clock) as store:
        yield await stand(store, clock, tmp_path)


async def written(here: Stand, name: str = "out", **fields: Any) -> Exported:
    dataset = await here.store.dataset("first")
    assert dataset is not None
    wanted: dict[str, Any] = {"splits": ALL, **fields}
    order = Order(**wanted)
    scrubber = installed()
    return await export(
        here.store, dataset, order, here.folder / name, setting=here.setting, scrubber=scrubber
    )


async def unlike(here: Stand, count: int, *ballots: str) -> None:
    """Ask questions that have nothing in common."""
    for at in range(count):
        await here.ask(f"{at * 7919} {'abcdefghijklm'[at] * 20}", *ballots)


async def on_sides(here: Stand, *sides: Split) -> Frozen:
    """Freeze the questions, some of them on each of these sides: with another salt if the first one puts them elsewhere."""
    shares = Shares(validation=0.3 if "validation" in sides else 0, test=0.3 if "test" in sides else 0)
    for salt in map(str, range(200)):
        found = await here.freeze(shares=shares, near=0, salt=salt)
        if all(found.manifest["judgments"][side] for side in sides):
            return found
    pytest.fail("no salt has something on all sides")


def rows(done: Exported) -> list[Mapping[str, Any]]:
    return [row for one in done.files for row in read_rows(done.folder / one.name)]


def contents(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@BOTH
async def test_a_record_holds_everything_that_a_figure_needs(here: Stand) -> None:
    store = here.store
    version = ModelVersion(name="tiny", content="0" * 64)
    sampling = Sampling(temperature=0.5, max_tokens=9)
    model, drawn = await store.model_version(version), await store.sampling_config(sampling)
    ann = await somebody(store, "ann", "console")
    context = (
        Line(role="system", text="be kind"),
        Line(role="user", text="mail ann@example.com?", author=ann),
    )
    batch = Batch(id=new_id(), place=PLACE, asker=ann, context=context, at=NOON, policy="p1")
    first = Candidate(
        id=new_id(),
        batch=batch.id,
        ordinal=0,
        text="yes",
        answerer="short",
        model_version=model,
        sampling_config=drawn,
        seed=2**63 + 5,
        finish="stop",
        tokens=3,
        latency_ms=12,
        logprob=-1.5,
    )
    second = Candidate(
        id=new_id(), batch=batch.id, ordinal=1, text="no", origin="edit", author=ann, edited_from=first.id
    )
    task = Task(
        id=new_id(),
        campaign=here.campaign.id,
        batch=batch.id,
        candidates=(first.id, second.id),
        propensity=0.25,
    )
    await store.add_batch(batch, [first, second], [task])
    held = await store.lease(here.campaign.id, await somebody(store, "ben", "console"), surface="console")
    assert held is not None
    mark = Rating(candidate=first.id, axis="kind", value=4)
    await store.judge(
        said(
            held,
            "B > A",
            ratings=(mark,),
            reason="wrong",
            comment="call 030 1234567",
            duration_ms=99,
            guideline_version="2",
        )
    )
    await here.clock.advance(1)
    await here.freeze()
    (row,) = rows(await written(here))
    one = from_plain(row)
    assert [(line.role, line.text) for line in one.context] == [
        ("system", "be kind"),
        ("user", "mail [email]?"),
    ]
    by_text = {answer.text: answer for answer in one.answers}
    assert [answer.text for answer in one.answers] == [
        {first.id: "yes", second.id: "no"}[id_] for id_ in held.shown_order
    ]
    assert [answer.tier for answer in one.answers] == [2, 1]
    yes, no = by_text["yes"], by_text["no"]
    assert (yes.model, yes.model_version, yes.answerer, yes.seed) == ("tiny", model, "short", str(2**63 + 5))
    assert yes.sampling == canonical(sampling).decode()
    assert (yes.finish, yes.tokens, yes.latency_ms, yes.logprob) == ("stop", 3, 12, -1.5)
    assert (no.origin, no.edited_from, no.author) == ("edit", yes.id, one.context[1].author)
    assert (one.outcome, one.surface, one.duration_ms, one.propensity) == ("ranked", "console", 99, 0.25)
    assert (one.reason, one.comment, one.guideline_version, one.policy) == (
        "wrong",
        "call [phone]",
        "2",
        "p1",
    )
    assert [(each.candidate, each.axis, each.value) for each in one.ratings] == [(yes.id, "kind", 4)]
    assert (one.dataset, one.adapter, one.revision, one.is_author) == ("first@1", "console", 1, False)


@BOTH
async def test_an_export_made_again_has_the_same_bytes_and_another_one_other_pseudonyms(here: Stand) -> None:
    for at in range(5):
        await here.ask(f"question {at} of ann@example.com", "A > B > C > D", "+B -D", "!")
    await here.freeze()
    for name in NAMES:
        one = await written(here, f"{name}-1", format=name)
        again = await written(here, f"{name}-2", format=name, key=one.artifact.key)
        other = await written(here, f"{name}-3", format=name)
        assert contents(one.folder) == contents(again.folder)
        assert one.artifact.sha256 == again.artifact.sha256 == digest_of(one.folder / "manifest.json")
        assert other.artifact.sha256 != one.artifact.sha256
        assert "example.com" not in str(contents(one.folder))
    raters = [{row["rater"] for row in rows(await written(here, f"x{at}"))} for at in (1, 2)]
    assert [len(each) for each in raters] == [3, 3]
    assert not raters[0] & raters[1]
    real = {await somebody(here.store, name, "console") for name in (*RATERS, "ann")}
    assert not any(one in str(contents(here.folder / "x1")) for one in real)


async def test_parquet_and_lines_of_json_hold_the_same(here: Stand) -> None:
    await here.ask("why?", "A > B > C > D", "+B -D")
    await here.freeze()
    lines = await written(here, "a", format="trl")
    columns = await written(here, "b", format="trl", kind="parquet", key=lines.artifact.key)
    again = await written(here, "c", format="trl", kind="parquet", key=lines.artifact.key)
    assert rows(lines) == rows(columns)
    assert contents(columns.folder) == contents(again.folder)
    with pytest.raises(DatasetError, match="openai cannot be 'parquet'"):
        await written(here, "d", format="openai", kind="parquet")


async def test_questions_to_test_with_are_left_out_unless_they_are_asked_for(here: Stand) -> None:
    await unlike(here, 12, "A > B > C > D")
    counts = (await on_sides(here, *ALL)).manifest["judgments"]
    usual = await written(here, "usual", splits=("train", "validation"))
    assert {one.name: one.rows for one in usual.files} == {
        "train.jsonl": counts["train"],
        "validation.jsonl": counts["validation"],
    }
    assert usual.refused == {"test_split": counts["test"]}
    prompts = {row["prompt"] for row in rows(usual)}
    test = await written(here, "test", splits=("test",), key=usual.artifact.key)
    assert not prompts & {row["prompt"] for row in rows(test)}


@BOTH
async def test_after_an_erasure_the_export_is_recalled_and_the_next_one_is_without_them(here: Stand) -> None:
    await here.agree("eve")
    await here.ask("from ann", "A > B > C > D")
    await here.ask("from eve", "A > B > C > D", asker="eve")
    await here.freeze()
    before, other = await written(here, "before"), await written(here, "other")
    assert before.artifact.rows == 2
    (other.folder / "manifest.json").write_text("something else", encoding="utf-8")
    (before.folder / "notes.txt").write_text("of my own", encoding="utf-8")
    await here.clock.advance(1)
    await here.store.erase("console", "eve")
    found = await recalled(here.store)
    assert [(one.export.uri, one.state) for one in found] == [
        (str(before.folder), "here"),
        (str(other.folder), "changed"),
    ]
    assert [delete(one) for one in found] == [True, False]
    assert [path.name for path in before.folder.iterdir()] == ["notes.txt"]
    assert (await recalled(here.store))[0].state == "elsewhere"
    after = await written(here, "after")
    assert "from eve" not in str(contents(after.folder))
    assert after.artifact.rows == 1
    assert sum(after.refused.values()) == 1


async def test_whoever_withdrew_since_the_freeze_is_left_out_of_an_export(here: Stand) -> None:
    await here.ask("why?", "A > B > C > D", "A > B > C > D")
    await here.freeze()
    ben = await somebody(here.store, "ben", "console")
    await here.clock.advance(1)
    await here.store.consent(consent(ben, "train", granted=False, place=PLACE, at=here.clock.now()))
    done = await written(here)
    assert (done.artifact.rows, done.refused) == (1, {"rater_consent": 1})
    await here.permit(granted=False)
    with pytest.raises(DatasetError, match="nothing may be exported"):
        await written(here, "more")
    assert not (here.folder / "more").exists()
    assert not list(here.folder.glob(".more*"))


async def test_an_export_goes_into_a_new_folder_and_is_noted(here: Stand) -> None:
    await here.ask("why?", "A > B > C > D")
    await here.freeze()
    done = await written(here, format="trl", options=Options(pairs="best-worst"))
    (noted,) = await here.store.exports()
    assert noted == done.artifact
    assert (noted.format, noted.rows, noted.uri) == ("trl", 1, str(here.folder / "out"))
    for name, match in (("out", "there already"), ("no/where", "no folder")):
        with pytest.raises(DatasetError, match=match):
            await written(here, name)
    with pytest.raises(DatasetError, match="no place for soft labels"):
        await written(here, "hh", format="hh", options=Options(labels="soft"))
    assert (done.folder / "train.jsonl").stat().st_mode & 0o077 == 0o044
    assert done.folder.stat().st_mode & 0o777 == 0o700


async def test_a_dataset_that_was_meddled_with_is_not_exported(here: Stand) -> None:
    await here.ask("why?", "A > B > C > D", "A > B > C > D")
    frozen = (await here.freeze()).dataset
    scrubber = installed()
    changed = replace(frozen, query={**frozen.query, "raters": 9})
    with pytest.raises(DatasetError, match="was changed"):
        await export(here.store, changed, Order(), here.folder / "a", setting=here.setting, scrubber=scrubber)

    class Fewer:
        def __getattr__(self, name: str) -> Any:
            return getattr(here.store, name)

        async def members(self, dataset: str) -> Any:
            async for one in here.store.members(dataset):
                yield one
                return

    with pytest.raises(DatasetError, match="other members"):
        await export(Fewer(), frozen, Order(), here.folder / "b", setting=here.setting, scrubber=scrubber)  # pyright: ignore[reportArgumentType]


async def test_the_store_is_asked_for_many_judgments_at_once_and_never_for_one(here: Stand) -> None:
    asked: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(here.store, name)

    await unlike(here, 8, "A > B > C > D", "+B -D", "!")
    store: Any = Counting()
    await here.clock.advance(1)
    frozen = await freeze(store, "first", Selection(near=0), here.setting)
    await export(
        store, frozen.dataset, Order(splits=ALL), here.folder / "x", setting=here.setting, scrubber=None
    )
    assert (asked.count("shown"), asked.count("remarks"), asked.count("judgment")) == (2, 1, 0)
    assert len(asked) < 24, "what is asked for does not grow with the judgments, of which there are 24"


@pytest.mark.slow
@pytest.mark.usefixtures("hub_offline")
async def test_datasets_loads_every_export_with_its_splits(here: Stand, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    await unlike(here, 6, "A > B > C > D", "+B -D", "!")
    await on_sides(here, "train", "validation")
    for name, kind in (*((name, "jsonl") for name in NAMES), ("canonical", "parquet")):
        done = await written(here, f"{name}-{kind}", format=name, kind=kind)
        loaded = datasets.load_dataset(str(done.folder), cache_dir=str(tmp_path / "cache"))
        assert {f"{split}.{kind}": len(loaded[split]) for split in loaded} == {
            one.name: one.rows for one in done.files
        }
        columns = set(loaded["train"].column_names)
        assert columns == set(rows(done)[0])


async def test_lines_for_openai_hold_to_its_schema(here: Stand) -> None:
    await here.ask("why?", "A > B > C > D", "A = B > C")
    await here.freeze()
    found = rows(await written(here, format="openai"))
    assert len(found) == 6 + 2
    for row in found:
        assert set(row) == {"input", "preferred_output", "non_preferred_output"}
        assert set(row["input"]) <= {"messages", "tools", "parallel_tool_calls"}
        assert row["input"]["messages"][-1]["role"] == "user"
        for name in ("preferred_output", "non_preferred_output"):
            (message,) = row[name]
            assert set(message) == {"role", "content"}
            assert message["role"] == "assistant"


def message_is_whole(node: Mapping[str, Any], parent: str | None) -> None:
    """Check a message against the fields that Open-Assistant's reader requires."""
    required = "message_id parent_id user_id text role lang review_count review_result deleted rank synthetic model_name emojis replies labels events tree_state"
    assert set(node) == set(required.split())
    assert node["parent_id"] == parent
    assert node["role"] in {"prompter", "assistant"}
    for reply in node["replies"]:
        message_is_whole(reply, node["message_id"])


async def test_trees_have_what_the_reader_of_open_assistant_requires(here: Stand) -> None:
    await here.ask("why?", "A > B > C > D", "D > A > B > C", "!")
    await here.freeze()
    (tree,) = rows(await written(here, format="oasst"))
    assert set(tree) == {"message_tree_id", "tree_state", "prompt", "origin"}
    message_is_whole(tree["prompt"], None)
    assert len(tree["prompt"]["events"]["ranking"]) == 3
    assert min(one["rank"] for one in tree["prompt"]["replies"]) == 0


async def test_what_is_exported_is_imported_as_canonical_records(here: Stand) -> None:
    await unlike(here, 4, "A > B > C > D", "D > C > B > A", "A > B = C")
    await here.freeze()
    for name in NAMES:
        done = await written(here, name, format=name)
        files = [done.folder / one.name for one in done.files]
        read = import_files(files, Intake(format=name), here.folder / f"{name}-back")
        assert not read.lost
        found = [from_plain(row) for one in read.files for row in read_rows(read.folder / one.name)]
        assert len(found) == read.judgments == {"hh": 56, "openai": 56}.get(name, 12)
        manifest = json.loads((read.folder / "manifest.json").read_bytes())
        assert manifest["imported"]["from"][0]["sha256"] == done.files[0].sha256
        again = import_files(files, Intake(format=name), here.folder / f"{name}-again")
        assert contents(read.folder) == contents(again.folder)


def test_rankings_of_two_sources_in_one_set_are_still_told_apart(tmp_path: Path) -> None:
    folders: list[Path] = []
    for source in ("first", "second"):
        path = tmp_path / f"{source}.jsonl"
        pairs = [{"prompt": f"{source} {at}", "chosen": "good", "rejected": "bad"} for at in range(10)]
        path.write_text("".join(json.dumps(row) + "\n" for row in pairs), encoding="utf-8")
        order = Intake(format="trl", split="train", source=source)
        folders.append(import_files([path], order, tmp_path / source).folder)
    both = import_files(
        [folder / "train.jsonl" for folder in folders],
        Intake(format="canonical", source="neither", near=0),
        tmp_path / "both",
    )
    found = [from_plain(row) for row in read_rows(both.folder / "train.jsonl")]
    assert Counter(one.dataset for one in found) == {"first": 10, "second": 10}


def test_other_peoples_questions_are_split_cleaned_and_joined(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pairs = [
        {
            "prompt": f"{at} {'abcdefghij'[at % 10] * 9} me@example.com",
            "chosen": f"good {at}",
            "rejected": "bad",
        }
        for at in range(40)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in (*pairs, {"prompt": "x"})), encoding="utf-8")
    shares = Shares(validation=0.3, test=0.3)
    done = import_files([path], Intake(format="trl", shares=shares, scrubber=installed()), tmp_path / "out")
    assert (done.judgments, dict(done.lost)) == (40, {"messages that are no list": 1})
    assert {one.name for one in done.files} == {"train.jsonl", "validation.jsonl", "test.jsonl"}
    assert "example.com" not in str(contents(done.folder))
    one = import_files([path], Intake(format="trl", split="test"), tmp_path / "test")
    assert [(each.name, each.rows) for each in one.files] == [("test.jsonl", 40)]
    with pytest.raises(DatasetError, match="says nothing"):
        import_files([path], Intake(format="arena"), tmp_path / "none")
    with pytest.raises(DatasetError, match="no file"):
        import_files([tmp_path / "nowhere"], Intake(format="trl"), tmp_path / "none")
    assert not (tmp_path / "none").exists()
