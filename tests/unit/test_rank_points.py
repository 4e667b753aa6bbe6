"""Answers that get points on axes: given one by one or in a line, kept, undone, saved, changed, and counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ranking_stand import asking, ballot_of, control, labels, later, press, stored

from rostra.events import Submit
from rostra.feedback import points
from rostra.feedback.ranking import RankingError
from rostra.feedback.values import Axis
from rostra.places import Person
from rostra.storage import open_store
from rostra.testing.chats import Chat
from rostra.testing.clock import ManualClock
from rostra.views import Ballot, as_text

AXES = (Axis(name="helpful"), Axis(name="true", maximum=3))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("A: helpful 4, true 3; B: 3 2", "A: helpful 4, true 3; B: helpful 3, true 2"),
        ("b 3 2 a 4", "A: helpful 4; B: helpful 3, true 2"),
        ("A: true 1, he 5", "A: helpful 5, true 1"),
        ("a=helpful=2\nb=true=1", "A: helpful 2; B: true 1"),
        ("Ａ： ４ ３", "A: helpful 4, true 3"),  # noqa: RUF001  what a Japanese keyboard writes
    ],
)
def test_points_are_read_as_people_write_them(text: str, meant: str) -> None:
    marks = points.parse(text, 2, AXES)
    given = {(one.slot, one.axis): one.value for one in marks}
    assert points.written(given, AXES) == meant
    assert {(one.slot, one.axis): one.value for one in points.parse(meant, 2, AXES)} == given


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "'' gives no points; write A: helpful 4, true 2; B: …, or ? to skip"),
        ("B > A", "'>' for B: write a number behind each axis, as in B: helpful 4, true 2"),
        ("4 5", "'4 5' gives no points; write A: helpful 4, true 2; B: …, or ? to skip"),
        ("A", "A has no points; write A: helpful 4, true 2"),
        ("C: 4", "there is no answer C; the answers are A, B"),
        ("A: 4; A: 5", "A stands there twice; write each letter once, as in A: helpful 4, true 2; B: …"),
        ("A: 1 2 3", "A has 3 numbers for 2 axes; write A: helpful 4, true 2"),
        ("A: 4 true 3", "'4 true 3' for A: write a number behind each axis, as in A: helpful 4, true 2"),
        ("A: helpful", "'helpful' for A: write a number behind each axis, as in A: helpful 4, true 2"),
        ("A: kind 4", "'kind' is not one of the axes; they are helpful, true"),
        ("A: true 1 tr 2", "A has true twice; write each axis once"),
        ("A: true 4", "'4' is not from 1 to 3, the points for true"),
        ("A: 0", "'0' is not from 1 to 5, the points for helpful"),
        ("A: 99999999999", "'99999999999' is not from 1 to 5, the points for helpful"),
    ],
)
def test_who_writes_something_else_is_told_what_would_be_right(text: str, error: str) -> None:
    with pytest.raises(RankingError) as raised:
        points.parse(text, 2, AXES)
    assert str(raised.value) == error


def test_one_answer_alone_needs_no_letter() -> None:
    assert points.parse("4 3", 1, AXES) == points.parse("A: helpful 4, true 3", 1, AXES)


@pytest.mark.parametrize(
    "text", ["", "x 5", "helpful 11", "helpful 1", "true, true", "a b, c d", "q1,q2,q3,q4,q5,q6"]
)
def test_axes_that_nobody_could_use_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="would be right"):
        points.axes_of(text)


def test_axes_are_read_back_as_they_were_written() -> None:
    assert points.axes_of('"Helpful, true 3"') == AXES
    assert points.axes_of(points.axes_text(AXES)) == AXES


def test_many_steps_fold_into_one_and_say_the_same() -> None:
    now = points.Points(k=2, axes=AXES)
    for number in range(3 * points.KEPT):
        now = points.added(
            now, points.parse(f"{'AB'[number % 2]}: {number % 5 + 1}", 2, AXES), f"{number:08x}"
        )
    assert points.read(points.text_of(now), 2, AXES) == now
    assert (len(now.steps), now.given) == (points.KEPT, {(0, "helpful"): 4, (1, "helpful"): 5})


@pytest.mark.parametrize(
    "stored", ["nonsense", "A=1", "Atrue=9|Zhelpful=2", "Ahelpful=", "|=|", "BA= 12345678"]
)
def test_a_draft_that_makes_no_sense_is_an_empty_one(stored: str) -> None:
    assert points.read(stored, 2, AXES).given == {}


@pytest.fixture
async def chat() -> AsyncGenerator[Chat]:
    async with asking() as chat:
        await begun(chat)
        yield chat


async def begun(chat: Chat, *, overlap: int = 1, k: int = 2) -> None:
    """Begin a campaign with one ballot in it, which ann may rate."""
    await chat.ask("/privacy allow rate")
    await chat.ask(f"/rank campaign new eggs rate {k} {overlap}", author="olga")
    await chat.ask('/rank campaign set eggs axes "helpful 5, true 3"', author="olga")
    await chat.ask("/rank campaign add eggs", author="olga")
    await chat.ask("/rank next eggs")


async def test_one_number_after_the_other_is_pressed_and_the_last_one_saves(chat: Chat) -> None:
    assert labels(chat) == ["1", "2", "3", "4", "5", "Skip", "Report"]
    assert "So far: A: helpful 4\nA: how true, from 1 to 3?" in await press(chat, "4")
    assert chat.view.in_place
    assert labels(chat) == ["1", "2", "3", "Undo", "Save", "Skip", "Report"]
    await press(chat, "3")
    assert "So far: A: helpful 4\nA: how true, from 1 to 3?" in await press(chat, "Undo")
    await press(chat, "3")
    assert "So far: A: helpful 4, true 3; B: helpful 2" in await press(chat, "2")
    assert await stored(chat) == []
    said = await press(chat, "1")
    assert said.startswith("Saved: A: helpful 4, true 3; B: helpful 2, true 1")
    (one,) = await stored(chat)
    assert (one.outcome, one.tiers) == ("ranked", ())
    assert points.written(points.given_in(one), AXES) == "A: helpful 4, true 3; B: helpful 2, true 1"
    assert {(rating.axis, rating.maximum) for rating in one.ratings} == {("helpful", 5), ("true", 3)}


async def test_a_form_gives_an_answer_all_its_points_and_shows_those_it_has(chat: Chat) -> None:
    await chat.submit(f"/rank answer {ballot_of(chat)}", author="ann", ranking="B: helpful 2")
    ballot = next(part for part in chat.view.parts if isinstance(part, Ballot))
    assert [(one.name, one.most) for one in ballot.scales] == [("helpful", 5), ("true", 3)]
    assert ballot.given == ((), (("helpful", 2),))
    said = await chat.submit(f"/rank answer {ballot_of(chat)}", author="ann", ranking="A: 5 3; B: 1 2")
    assert said.startswith("Saved: A: helpful 5, true 3; B: helpful 1, true 2")


async def test_points_are_changed_one_by_one_and_both_are_kept(chat: Chat) -> None:
    ballot = ballot_of(chat)
    await chat.ask("/rank vote A: 4 3; B: 2 1")
    said = await chat.submit(f"/rank answer {ballot}", author="ann", ranking="B: true 3")
    assert said.startswith("Changed: A: helpful 4, true 3; B: helpful 2, true 3")
    assert [one.revision for one in await stored(chat)] == [1, 2]


async def test_the_same_form_five_times_is_one_judgment(chat: Chat) -> None:
    event = Submit(
        id="once",
        place=chat.platform.place(),
        author=Person(id="ann"),
        form=chat.id_of(f"/rank answer {ballot_of(chat)}"),
        fields={"ranking": "A: 4 3; B: 2 1"},
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    for _ in range(5):
        await chat.happen(event)
    assert len(await stored(chat)) == 1


@pytest.mark.parametrize(
    ("word", "said", "outcome"), [("?", "skipped", "skipped"), ("report", "reported", "flagged")]
)
async def test_there_are_ways_out(chat: Chat, word: str, said: str, outcome: str) -> None:
    await press(chat, "4")
    assert (await chat.ask(f"/rank vote {word}")).startswith(f"Saved: {said}")
    assert [(one.outcome, one.ratings) for one in await stored(chat)] == [(outcome, ())]


async def test_some_points_may_be_all_there_is_to_say(chat: Chat) -> None:
    assert (await chat.ask("/rank save")).startswith(
        "Give some points first, as in A: helpful 4, true 2; B: …"
    )
    assert (await chat.ask("/rank vote !")).startswith("This ballot asks for points;")
    await chat.ask("/rank vote A: helpful 1")
    assert (await chat.ask("/rank save")).startswith("Saved: A: helpful 1")
    assert len((await stored(chat))[0].ratings) == 1


@pytest.mark.slow
async def test_points_are_taken_up_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_store("", data=tmp_path, clock=clock) as store, asking(store=store, clock=clock) as chat:
        await begun(chat)
        await press(chat, "4")
        before = await press(chat, "3")
        old = chat.id_of(control(chat, "Save"))
    async with open_store("", data=tmp_path, clock=clock) as store, asking(store=store, clock=clock) as chat:
        later(chat)
        assert await chat.ask("/rank resume") == before
        assert (await chat.press_id(old, author="ann")).startswith("Saved: A: helpful 4, true 3")
        (one,) = await stored(chat)
        assert sorted(rating.value for rating in one.ratings) == [3, 4]


async def test_axes_stay_once_somebody_has_given_points(chat: Chat) -> None:
    await chat.ask("/rank vote A: 4 3; B: 2 1")
    said = await chat.ask("/rank campaign set eggs axes kind 5", author="olga")
    assert said.startswith("That does not work: 'eggs' has points on its axes already")
    await chat.ask("/rank campaign new bacon", author="olga")
    said = await chat.ask("/rank campaign set bacon axes kind 5", author="olga")
    assert said.startswith("That does not work: 'bacon' has its answers put in order")
    assert "asks for points" in await chat.ask("/rank campaign gold eggs", author="olga")


async def test_many_answers_have_no_row_of_numbers_and_a_form_each() -> None:
    async with asking() as chat:
        await begun(chat, k=5)
        assert labels(chat) == ["Skip", "Report"]
        assert "Give each answer points: helpful from 1 to 5, true from 1 to 3." in as_text(chat.view)


async def test_means_are_shown_by_answerer_and_rank_nobody(chat: Chat) -> None:
    assert await chat.ask("/rank results eggs", author="olga") == "Nobody has given points yet."
    await chat.ask("/rank vote A: 4 3; B: 2 1")
    said = await chat.ask("/rank results eggs", author="olga")
    assert "| helpful, 1 to 5 | default | 3.00 |" in said
    assert "| true, 1 to 3 | default | 2.00 |" in said
    assert "no answerer is recommended from them" in said
    assert await chat.ask("/rank leaderboard eggs", author="olga") == said
    assert (await chat.ask("/rank status eggs", author="olga")).endswith(said)
    for command in ("agreement", "raters"):
        assert "does not work" not in await chat.ask(f"/rank {command} eggs", author="olga")
