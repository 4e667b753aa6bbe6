"""Ballots in a chat: pressed one answer after the other or written at once, saved once, changed, and taken up after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ranking_stand import asking, ballot_of, control, labels, later, press, stored, tap

from rostra.events import Press, Submit
from rostra.feedback.values import Judgment
from rostra.places import Person
from rostra.storage import open_store
from rostra.testing.chats import Chat
from rostra.testing.clock import ManualClock
from rostra.views import Ballot


@pytest.fixture
async def chat() -> AsyncGenerator[Chat]:
    async with asking() as chat:
        await chat.ask("/privacy allow rate")
        yield chat


async def test_answers_are_pressed_from_the_best_and_saved(chat: Chat) -> None:
    await chat.ask("/rank new 4")
    assert chat.view.private
    assert labels(chat) == ["All bad", "Skip", "Report"]
    await tap(chat, "B")
    assert chat.view.in_place
    assert labels(chat) == ["= (tie)", "Undo", "Save", "All bad", "Skip", "Report"]
    await tap(chat, "A")
    await press(chat, "= (tie)")
    assert labels(chat) == ["Undo", "All bad", "Skip", "Report"]
    said = await tap(chat, "C")
    assert "So far: B > A = C > D\nSave it, or press undo." in said
    assert await press(chat, "Save") == (
        "Saved: B > A = C > D\n\nChange it\n- Your ranking: the best first, = for ties: B > A = C > D\n"
        f"Write it as `/rank answer {ballot_of(chat)} RANKING`.\n\n[Next]"
    )
    (one,) = await stored(chat)
    assert (one.outcome, one.ranking.tiers, one.surface) == ("ranked", ((1,), (0, 2), (3,)), "fake")


async def test_of_five_answers_the_second_press_is_the_worst(chat: Chat) -> None:
    await chat.ask("/rank new 5")
    assert "Which is worst?" in await tap(chat, "C")
    said = await tap(chat, "A")
    assert "So far: C > … > A\nSave it, or go on: which is the best of the rest?" in said
    assert (await press(chat, "Save")).startswith("Saved: +C -A")
    await chat.ask("/rank new 5")
    for letter in "CAB":
        await tap(chat, letter)
    assert (await press(chat, "Save")).startswith("Saved: C > B > D ~ E > A")


async def test_two_answers_are_ranked_where_they_are_with_one_press(chat: Chat) -> None:
    await chat.ask("/rank new 2")
    assert labels(chat) == ["A", "B", "Tie", "Both bad", "Skip", "Report"]
    assert (await press(chat, "B")).startswith("Saved: B > A")
    await chat.ask("/rank new 2")
    assert (await press(chat, "Tie")).startswith("Saved: A = B")
    await chat.ask("/rank new 2")
    assert (await press(chat, "Both bad")).startswith("Saved: all bad")
    assert [one.outcome for one in await stored(chat)] == ["ranked", "ranked", "all_bad"]


async def test_long_answers_to_a_pair_are_left_to_the_platform_to_fold() -> None:
    async with asking(said=("a" * 2000, "b" * 2000, "c" * 2000)) as chat:
        await chat.ask("/privacy allow rate")
        await chat.ask("/rank new 2")
        assert any(isinstance(part, Ballot) for part in chat.view.parts)
        assert (await tap(chat, "A")).startswith("Saved: A > B")


@pytest.mark.parametrize(
    ("label", "said", "outcome"),
    [("All bad", "all bad", "all_bad"), ("Skip", "skipped", "skipped"), ("Report", "reported", "flagged")],
)
async def test_there_are_ways_out(chat: Chat, label: str, said: str, outcome: str) -> None:
    await chat.ask("/rank new 3")
    await tap(chat, "A")
    assert (await press(chat, label)).startswith(f"Saved: {said}")
    assert [one.outcome for one in await stored(chat)] == [outcome]


async def test_what_was_saved_is_changed_in_a_form_and_both_are_kept(chat: Chat) -> None:
    await chat.ask("/rank new 3")
    await chat.ask("/rank vote A > B > C")
    ballot = ballot_of(chat)
    said = await chat.submit(f"/rank answer {ballot}", author="ann", ranking="c > a = b")
    assert said.startswith("Changed: C > A = B")
    assert [one.revision for one in await stored(chat)] == [1, 2]


async def test_a_whole_ranking_may_come_in_one_form(chat: Chat) -> None:
    await chat.ask("/rank new 4")
    said = await chat.submit(f"/rank answer {ballot_of(chat)}", author="ann", ranking="B > A = C > D")
    assert said.startswith("Saved: B > A = C > D")


async def test_the_same_event_five_times_is_one_ranking(chat: Chat) -> None:
    await chat.ask("/rank new 2")
    id_ = chat.id_of(control(chat, "B"))
    event = Press(
        id="once",
        place=chat.platform.place(),
        author=Person(id="ann"),
        control=id_,
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    for _ in range(5):
        await chat.happen(event)
    assert len(await stored(chat)) == 1


async def test_pressing_the_button_of_a_saved_ballot_again_says_what_was_saved(chat: Chat) -> None:
    await chat.ask("/rank new 3")
    ballot = ballot_of(chat)
    old = chat.id_of(f"/rank answer {ballot}")
    await tap(chat, "B")
    await press(chat, "Save")
    said = await chat.press_id(old, "C", author="ann")
    assert said.startswith("Saved: +B")
    assert (await stored(chat))[-1].revision == 1


@pytest.mark.slow
async def test_a_draft_is_taken_up_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_store("", data=tmp_path, clock=clock) as store, asking(store=store, clock=clock) as chat:
        await chat.ask("/privacy allow rate")
        await chat.ask("/rank new 4")
        await tap(chat, "B")
        before = await tap(chat, "D")
        old = chat.id_of(control(chat, "Save"))
    async with open_store("", data=tmp_path, clock=clock) as store, asking(store=store, clock=clock) as chat:
        later(chat)
        assert await chat.ask("/rank resume") == before
        # The buttons that were shown before the restart still work.
        assert (await chat.press_id(old, author="ann")).startswith("Saved: B > D > A ~ C")


@pytest.mark.slow
async def test_who_is_cut_off_between_commit_and_answer_has_ranked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, stored_ = ManualClock(), asyncio.Event()
    async with open_store("", data=tmp_path, clock=clock) as store, asking(store=store, clock=clock) as chat:
        await chat.ask("/privacy allow rate")
        await chat.ask("/rank new 2")
        commit = store.judge

        async def committed_and_then_nothing(judgment: Judgment) -> None:
            await commit(judgment)
            stored_.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(store, "judge", committed_and_then_nothing)
        event = Press(
            id="the last one",
            place=chat.platform.place(),
            author=Person(id="ann"),
            control=chat.id_of(control(chat, "B")),
            sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        await chat.app.reception.accept(event)
        await stored_.wait()
        await chat.app.reception.close(0)
    async with open_store("", data=tmp_path, clock=clock) as store, asking(store=store, clock=clock) as chat:
        await chat.app.reception.recover()
        for _ in range(5):
            await chat.happen(event)
        assert [one.revision for one in await stored(chat)] == [1]
        assert "Saved: B > A" in "\n".join(chat.platform.answers_to("the last one"))


async def test_ballots_are_their_raters_own(chat: Chat) -> None:
    await chat.ask("/rank new 3")
    ballot = ballot_of(chat)
    assert await tap(chat, "A", author="ben") == "This control is no longer valid."
    await chat.ask("/privacy allow rate", author="ben")
    for line in (f"/rank answer {ballot} A > B", f"/rank vote {ballot} A > B", f"/rank resume {ballot}"):
        assert await chat.ask(line, author="ben") == "There is no such ballot of yours here."
    assert await chat.ask(f"/rank vote {'0' * 32} A > B") == "There is no such ballot of yours here."
    assert await stored(chat) == []


async def test_nothing_on_a_ballot_says_who_wrote_what_or_how_others_ranked(chat: Chat) -> None:
    await chat.ask("/rank new 4")
    store = chat.app.parts.store
    person = await store.pseudonym("fake", Person(id="ann"))
    (held,) = await store.assignments(person)
    shown = repr(chat.view)
    for id_ in (*held.shown_order, held.task, held.batch, held.campaign, person, "scripted", "default"):
        assert id_ not in shown


async def test_consent_is_asked_for_before_anything_is_kept() -> None:
    async with asking() as chat:
        assert (await chat.ask("/rank new 2")).startswith("**Before you rank:**")
        store = chat.app.parts.store
        person = await store.pseudonym("fake", Person(id="ann"))
        assert await store.assignments(person, state=None) == []
        await press(chat, "No")
        assert (await chat.ask("/rank new 2")).startswith("**Before you rank:**")
        said = await press(chat, "I agree, and models may learn from it")
        assert "Which is better?" in said
        assert chat.view.in_place
        place = chat.platform.place()
        granted = {scope for scope, one in (await store.consents(person, place)).items() if one.granted}
        assert granted == {"rate", "train"}


async def test_who_takes_consent_back_is_asked_again_even_with_a_ballot_in_hand(chat: Chat) -> None:
    await chat.ask("/rank new 2")
    better = control(chat, "A")
    await chat.ask("/privacy withdraw rate")
    assert (await chat.press(better, author="ann")).startswith("**Before you rank:**")
    assert await stored(chat) == []


async def test_a_form_that_was_made_up_is_told_what_would_be_right(chat: Chat) -> None:
    await chat.ask("/rank new 3")
    event = Submit(
        id="made-up",
        place=chat.platform.place(),
        author=Person(id="ann"),
        form=chat.id_of(f"/rank answer {ballot_of(chat)}"),
        fields={"ranking": "A > Z"},
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert await chat.happen(event) == "There is no answer Z; the answers are A, B, C."
