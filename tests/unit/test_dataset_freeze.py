from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from rostra.feedback.data import manifest as manifests
from rostra.feedback.data.freeze import Selection, freeze
from rostra.feedback.data.record import DatasetError
from rostra.feedback.data.split import Shares
from rostra.feedback.values import Batch, Candidate, Exclusion, Line, Task, new_id
from rostra.storage import open_store
from rostra.testing.ballots import consent, ranked, somebody
from rostra.testing.clock import ManualClock
from rostra.testing.dataset_stand import PLACE, Stand, stand


@pytest.fixture
async def here(tmp_path: Path) -> AsyncGenerator[Stand]:
    clock = ManualClock()
    async with open_store("memory:", data=tmp_path, clock=clock) as store:
        yield await stand(store, clock, tmp_path)


async def batch(here: Stand, texts: tuple[str, ...] = ("yes", "no"), **fields: object) -> None:
    """Put a question that is unusual in one way, and have ben rank its answers."""
    ann = await somebody(here.store, "ann", "console")
    usual: dict[str, object] = {
        "id": new_id(),
        "place": PLACE,
        "asker": ann,
        "context": (Line(role="user", text="why?", author=ann),),
        "at": here.clock.now(),
    }
    made = Batch(**{**usual, **fields})  # pyright: ignore[reportArgumentType]
    candidates = [
        Candidate(id=new_id(), batch=made.id, ordinal=at, text=text) for at, text in enumerate(texts)
    ]
    task = Task(
        id=new_id(), campaign=here.campaign.id, batch=made.id, candidates=tuple(one.id for one in candidates)
    )
    await here.store.add_batch(made, candidates, [task])
    await ranked(here.store, here.campaign, "ben", "A > B")


async def test_what_was_said_with_everybodys_consent_is_in_it(here: Stand) -> None:
    one = await here.ask("what is best?", "A > B > C > D", "?", "!")
    found = await here.freeze()
    assert found.manifest["judgments"] == {"train": 3, "validation": 0, "test": 0}
    assert found.manifest["prompts"]["train"] == 1
    assert found.manifest["refused"] == {}
    assert manifests.digest(manifests.frozen(found.dataset)) == found.dataset.manifest
    judged = [each async for each in here.store.judged(dataset=found.dataset.id)]
    assert {each.batch for each in judged} == {one.batch.id}
    assert found.dataset.version == 1
    assert (await here.freeze()).dataset.parent == found.dataset.id


async def test_each_reason_to_leave_something_out_is_counted_by_its_name(here: Stand) -> None:
    await here.ask("fine", "A > B > C > D")
    await here.ask("excluded", "A > B > C > D")
    last = [one async for one in here.store.judged()][-1]
    gone = Exclusion(id=new_id(), kind="judgment", target=last.judgment, reason="spam", at=here.clock.now())
    await here.store.exclude(gone)
    await here.ask("reported", "report")
    await batch(
        here,
        context=(Line(role="user", text="no consent", author=await somebody(here.store, "eve", "console")),),
    )
    await batch(here, decision="block")
    await batch(here, ("As ChatGPT I say yes.", "no"))
    await here.ask("rater", "A > B > C > D")
    await ranked(here.store, here.campaign, "eve", "A > B > C > D")
    found = await here.freeze()
    assert found.manifest["refused"] == {
        "author_consent": 1,
        "blocked": 1,
        "excluded": 1,
        "identity_leak": 1,
        "rater_consent": 1,
        "reported": 1,
    }
    assert sum(found.manifest["judgments"].values()) == 2


async def test_a_question_whose_right_ranking_is_known_is_not_in_it(here: Stand) -> None:
    one = await here.ask("fine", "A > B > C > D")
    ids = tuple(each.id for each in one.candidates)
    task = Task(
        id=new_id(), campaign=here.campaign.id, batch=one.batch.id, candidates=ids, gold=(ids[:1], ids[1:])
    )
    other = replace(here.campaign, id=new_id(), name="checks")
    await here.store.save_campaign(other)
    await here.store.add_tasks([replace(task, campaign=other.id)])
    await ranked(here.store, other, "ben", "A > B > C > D")
    assert (await here.freeze()).manifest["refused"] == {"gold": 1}


async def test_without_the_workspaces_switch_nothing_is_in_it_and_nothing_is_stored(here: Stand) -> None:
    await here.ask("fine", "A > B > C > D", "A > B > C > D")
    await here.permit(granted=False)
    with pytest.raises(DatasetError, match="2 left out, the workspace has not"):
        await here.freeze()
    assert not await here.store.datasets()


async def test_on_a_platform_of_others_its_permission_must_be_recorded(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_store("memory:", data=tmp_path, clock=clock) as store:
        there = await stand(store, clock, tmp_path, replace(PLACE, adapter="discord"))
        await there.ask("fine", "A > B > C > D")
        with pytest.raises(DatasetError, match="1 left out, no permission of the platform"):
            await there.freeze()
        await there.permit("platform")
        assert (await there.freeze()).manifest["judgments"]["train"] == 1


async def test_to_be_published_everybody_must_have_agreed_to_that_too(here: Stand) -> None:
    await here.ask("fine", "A > B > C > D", "A > B > C > D")
    with pytest.raises(DatasetError, match="2 left out, the rater did not agree"):
        await here.freeze(purpose="publish")
    await here.agree("ann", "ben", scopes=("publish",))
    found = await here.freeze(purpose="publish")
    assert (found.manifest["judgments"]["train"], found.manifest["refused"]) == (1, {"rater_consent": 1})


async def test_whoever_withdraws_is_not_in_the_next_version(here: Stand) -> None:
    await here.ask("fine", "A > B > C > D", "A > B > C > D")
    first = await here.freeze()
    ben = await somebody(here.store, "ben", "console")
    await here.clock.advance(1)
    await here.store.consent(consent(ben, "train", granted=False, place=PLACE, at=here.clock.now()))
    tainted = await here.store.dataset("first")
    assert tainted is not None
    assert tainted.tainted_at is not None
    assert (await here.freeze()).manifest["refused"] == {"rater_consent": 1}
    assert first.manifest["refused"] == {}


async def test_the_texts_of_somebody_who_was_erased_are_not_in_it(here: Stand) -> None:
    await here.ask("fine", "A > B > C > D")
    await here.agree("eve")
    await here.ask("from eve", "A > B > C > D", asker="eve")
    await here.store.erase("console", "eve")
    assert set((await here.freeze()).manifest["refused"]) <= {"text_gone", "author_consent"}
    assert (await here.freeze()).manifest["judgments"]["train"] == 1


async def test_one_campaign_alone_and_what_is_new_alone_can_be_asked_for(here: Stand) -> None:
    await here.ask("old", "A > B > C > D")
    await here.clock.advance(100)
    since = here.clock.now()
    await here.ask("new", "A > B > C > D")
    assert (await here.freeze(since=since)).manifest["judgments"]["train"] == 1
    assert (await here.freeze(campaigns=(here.campaign.id,))).manifest["judgments"]["train"] == 2
    with pytest.raises(DatasetError, match="there are none"):
        await here.freeze(campaigns=(new_id(),))


LONG = "please tell me in some detail which of the rivers of europe is the longest, and how long it is"


async def test_questions_that_are_alike_stand_on_one_side_and_stay_there(here: Stand) -> None:
    for at in range(12):
        await here.ask(f"{at} {LONG[at:]} {at * 7919}", "A > B > C > D")
    shares = Shares(validation=0.3, test=0.3)
    first = await here.freeze(shares=shares, near=0.6)
    sides = await _sides(here, first.dataset.id)
    assert len(set(sides.values())) == 1, "they are all alike"
    apart = await here.freeze("apart", shares=shares, near=0, salt="2")
    assert len(set((await _sides(here, apart.dataset.id)).values())) > 1
    await here.ask("0 0 0 " + LONG, "A > B > C > D")
    again = await _sides(here, (await here.freeze(shares=shares, near=0.6)).dataset.id)
    assert {prompt: again[prompt] for prompt in sides} == sides
    assert len(set(again.values())) == 1
    other = await _sides(here, (await here.freeze("other", shares=Shares(validation=0, test=0))).dataset.id)
    assert {prompt: other[prompt] for prompt in sides} == sides, "what one dataset tests with, none trains on"


async def test_a_question_between_the_sides_is_left_out(here: Stand) -> None:
    words = [f"river{at * 37}" for at in range(40)]
    for part in (words[:30], words[10:]):
        await here.ask(" ".join(part), "A > B > C > D")
    shares = Shares(validation=0, test=0.5)
    for salt in map(str, range(20)):
        first = await here.freeze(f"d{salt}", shares=shares, near=0.65, salt=salt)
        if len(set((await _sides(here, first.dataset.id)).values())) == 2:
            break
    else:
        pytest.fail("both always stood on one side")
    await here.ask(" ".join(words[5:35]), "A > B > C > D")
    found = await here.freeze(f"d{salt}", shares=shares, near=0.65, salt=salt)
    assert found.manifest["refused"] == {"between_splits": 1}
    assert sum(found.manifest["judgments"].values()) == 2


async def _sides(here: Stand, dataset: str) -> dict[str, str]:
    members = [one async for one in here.store.members(dataset)]
    judged = [one async for one in here.store.judged(dataset=dataset)]
    return {one.prompt: member.split for one, member in zip(judged, members, strict=True)}


async def test_what_a_dataset_can_be_called_is_said(here: Stand) -> None:
    for name in ("", "a b", "../x", "x" * 81):
        with pytest.raises(DatasetError, match="cannot be called"):
            await here.freeze(name)


async def test_nothing_is_left_behind_on_disk_and_no_text_ever_was(
    here: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rostra.feedback.data.spool.PORTION", 1)
    for at in range(3):
        await here.ask(f"a secret word {at}", "A > B > C > D")
    seen: list[bytes] = []
    setting = here.setting

    def look(what: str, count: int) -> None:
        seen.extend(file.read_bytes() for file in setting.work.rglob("*") if file.is_file())

    looking = replace(setting, progress=look)
    await here.clock.advance(1)
    await freeze(here.store, "first", Selection(), looking)
    assert seen
    assert not any(b"secret" in content for content in seen)
    assert not [path for path in setting.work.rglob("*") if path.is_file()]
    assert json.dumps(dict((await here.freeze()).manifest))
