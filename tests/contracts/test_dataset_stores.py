"""Datasets from end to end on each engine: frozen, written, written again, and what is left once somebody is erased."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rostra.feedback.data import manifest as manifests
from rostra.feedback.data.export import Exported, Order, export
from rostra.feedback.data.recall import recalled
from rostra.feedback.data.record import DatasetError
from rostra.feedback.data.scrub import installed
from rostra.feedback.data.shapes import digest_of
from rostra.feedback.data.split import Shares
from rostra.feedback.values import DatasetVersion, Exposure, Rating, new_id
from rostra.storage import open_store
from rostra.testing.ballots import ranked, said, somebody
from rostra.testing.clock import ManualClock
from rostra.testing.dataset_stand import Stand, stand
from rostra.versions import ModelVersion


@pytest.fixture
async def here(url: str, tmp_path: Path) -> AsyncGenerator[Stand]:
    clock = ManualClock()
    async with open_store(url, data=tmp_path, clock=clock) as store:
        yield await stand(store, clock, tmp_path)


async def written(here: Stand, dataset: DatasetVersion, name: str, **fields: Any) -> Exported:
    order = Order(**fields)
    folder = here.folder / name
    return await export(here.store, dataset, order, folder, setting=here.setting, scrubber=installed())


def contents(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lines(done: Exported) -> list[Mapping[str, Any]]:
    return [
        json.loads(line) for one in done.files for line in (done.folder / one.name).read_bytes().splitlines()
    ]


@pytest.mark.slow
async def test_what_was_ranked_is_frozen_and_written_and_written_again_as_it_was(here: Stand) -> None:
    questions = ["what is the best tea?", "call 030 1234567 or ann@example.com?", "why\U0001f600 not\n\t?"]
    for question in questions:
        await here.ask(question, "A > B = C > D", "+B -D")
    held = await here.store.lease(
        here.campaign.id, await somebody(here.store, "dot", "console"), surface="test"
    )
    assert held is not None
    mark = Rating(candidate=held.shown_order[0], axis="kind", value=4)
    await here.store.judge(said(held, "!", ratings=(mark,), comment="ask ben@example.com", reason="wrong"))
    await here.clock.advance(1)
    frozen = (await here.freeze()).dataset
    assert manifests.digest(manifests.frozen(frozen)) == frozen.manifest
    assert frozen.query["judgments"]["train"] == 7
    first = await written(here, frozen, "first")
    again = await written(here, frozen, "again", key=first.artifact.key)
    other = await written(here, frozen, "other")
    assert contents(first.folder) == contents(again.folder)
    assert first.artifact.sha256 == again.artifact.sha256 == digest_of(first.folder / "manifest.json")
    rows = lines(first)
    asked = {row["context"][-1]["text"] for row in rows}
    assert asked == {questions[0], "call [phone] or [email]?", questions[2]}
    (marked,) = [row for row in rows if row["ratings"]]
    assert (marked["comment"], marked["reason"], marked["outcome"]) == ("ask [email]", "wrong", "all_bad")
    assert [(each["axis"], each["value"]) for each in marked["ratings"]] == [("kind", 4)]
    assert marked["ratings"][0]["candidate"] in {answer["id"] for answer in marked["answers"]}
    names = [{row[name] for name in ("id", "rater", "batch", "prompt")} for row in rows]
    others = [{row[name] for name in ("id", "rater", "batch", "prompt")} for row in lines(other)]
    assert not set[str]().union(*names) & set[str]().union(*others)


@pytest.mark.slow
async def test_whoever_is_erased_is_in_no_later_export_and_the_models_that_saw_them_are_named(
    here: Stand,
) -> None:
    await here.agree("eve")
    await here.ask("from ann", "A > B > C > D", "D > C > B > A")
    await here.ask("from eve", "A > B > C > D", asker="eve")
    frozen = (await here.freeze()).dataset
    before = await written(here, frozen, "before", format="trl")
    model = await here.store.model_version(ModelVersion(name="taught", content="0" * 64))
    child = await here.store.model_version(ModelVersion(name="further", content="1" * 64, parent=model))
    exposure = Exposure(id=new_id(), model_version=model, dataset=frozen.id, run="r1", at=here.clock.now())
    await here.store.expose(exposure)
    await here.clock.advance(1)
    done = await here.store.erase("console", "eve")
    assert [one.id for one in done.lineage.datasets] == [frozen.id]
    assert [one.id for one in done.lineage.exports] == [before.artifact.id]
    assert set(done.lineage.models) == {model, child}
    tainted = await here.store.dataset("first")
    assert tainted is not None
    assert tainted.tainted_at == here.clock.now()
    assert [(one.export.id, one.state) for one in await recalled(here.store)] == [
        (before.artifact.id, "here")
    ]
    after = await written(here, frozen, "after", format="trl")
    assert not any("eve" in str(row["prompt"]) for row in lines(after))
    assert sum(after.refused.values()) == 1
    assert after.refused.keys() <= {"author_consent", "text_gone"}
    assert (await here.freeze()).manifest["judgments"]["train"] == 2


@pytest.mark.slow
async def test_what_may_not_be_in_it_is_counted_by_its_reason_on_both_occasions(here: Stand) -> None:
    await here.ask("fine", "A > B > C > D", "report")
    await here.ask("fine too", "A > B > C > D")
    await ranked(here.store, here.campaign, "eve", "A > B > C > D")
    frozen = await here.freeze()
    assert frozen.manifest["refused"] == {"rater_consent": 1, "reported": 1}
    assert frozen.manifest["judgments"]["train"] == 2
    await here.permit(granted=False)
    with pytest.raises(DatasetError, match="nothing may be exported"):
        await written(here, frozen.dataset, "x")
    assert not (here.folder / "x").exists()


@pytest.mark.slow
async def test_alike_questions_stand_on_one_side_and_equal_ones_do_in_any_case(here: Stand) -> None:
    for at in range(4):
        question = f"please tell me which river of europe is the longest, and how long it is {'!' * at} {at}"
        await here.ask(question, "A > B > C > D", "D > C > B > A")

    async def sides(salt: int, near: float) -> tuple[int, int]:
        shares = Shares(validation=0.5, test=0)
        frozen = await here.freeze(shares=shares, near=near, salt=str(salt))
        judged = [one async for one in here.store.judged(dataset=frozen.dataset.id)]
        members = [one async for one in here.store.members(frozen.dataset.id)]
        found = {(one.prompt, member.split) for one, member in zip(judged, members, strict=True)}
        return len(found), len({split for _, split in found})

    assert {await sides(salt, 0.8) for salt in range(3)} == {(4, 1)}
    # ids are drawn anew in every run: all four stand together in one of eight, and in 99 a handful of both is sure
    seen: set[tuple[int, int]] = set()
    for salt in range(3, 100):
        seen.add(await sides(salt, 0))
        if len(seen) > 1:
            break
    assert seen == {(4, 1), (4, 2)}
