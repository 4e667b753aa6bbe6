"""What raters get next: tasks of campaigns, shares of a day, ballots whose ranking is known, and some once more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import pytest
from ranking_stand import asking, stored

from rostra.feedback.values import Assignment, Task
from rostra.places import Person
from rostra.testing.chats import Chat

IDLE = "There is nothing for you to rank right now, or you have done your share of today."


@pytest.fixture
async def chat() -> AsyncGenerator[Chat]:
    async with asking() as chat:
        await chat.ask("how do I boil an egg?", author="olga")
        for name in ("ann", "ben", "olga"):
            await chat.ask("/privacy allow rate", author=name)
        yield chat


async def had(chat: Chat, author: str) -> Sequence[tuple[Assignment, Task]]:
    """Return what somebody was handed, oldest first."""
    store = chat.app.parts.store
    person = await store.pseudonym("fake", Person(id=author))
    found: list[tuple[Assignment, Task]] = []
    for one in reversed(await store.assignments(person, state=None)):
        task = await store.task(one.task)
        assert task is not None
        found.append((one, task))
    return found


async def begin(chat: Chat, tasks: int, *settings: str, mode: str = "pair") -> None:
    await chat.operate(f"/rank campaign new eggs {mode} 3")
    for _ in range(tasks):
        assert (await chat.operate("/rank campaign add eggs")).startswith("It is in `eggs` now")
    for one in settings:
        assert (await chat.operate(f"/rank campaign set eggs {one}")).startswith("`eggs` is changed")


async def test_a_ballot_stays_in_its_raters_hands_until_it_is_answered(chat: Chat) -> None:
    await begin(chat, 2)
    first = await chat.ask("/rank next")
    assert await chat.ask("/rank next") == first
    await chat.ask("/rank vote A > B")
    assert await chat.ask("/rank next") != first
    await chat.ask("/rank skip")
    assert await chat.ask("/rank next") == IDLE


async def test_a_rater_gets_no_more_than_their_share_of_a_day(chat: Chat) -> None:
    await begin(chat, 3, "cap 2")
    for _ in range(2):
        await chat.ask("/rank next")
        await chat.ask("/rank vote A > B")
    assert await chat.ask("/rank next") == IDLE
    assert "Which is better?" in await chat.ask("/rank next", author="ben")


async def test_a_ballot_whose_ranking_is_known_comes_with_its_answer_kept_apart(chat: Chat) -> None:
    await begin(chat, 2, "overlap 1", "gold 1", mode="rank")
    assert "you have ranked nothing in 'eggs' yet" in await chat.operate("/rank campaign gold eggs")
    await chat.operate("/rank next eggs")
    await chat.operate("/rank vote C > A = B")
    assert "1 ballots with a known ranking" in await chat.operate("/rank campaign gold eggs")
    (right,) = await stored(chat, "olga")
    said = await chat.ask("/rank next eggs")
    ((held, task),) = await had(chat, "ann")
    assert task.gold == right.tiers
    assert (task.repeat_of, task.reserved_for) == (right.task, held.person)
    assert not any(word in said.lower() for word in ("gold", "known", "check"))
    await chat.ask("/rank vote B > C")
    await chat.ask("/rank next eggs")
    assert (await had(chat, "ann"))[1][1].gold == (), "each known ballot is asked once"


async def test_a_rater_is_asked_the_same_again_after_some_others(chat: Chat) -> None:
    await begin(chat, 6, "repeats 1")
    for _ in range(5):
        await chat.ask("/rank next")
        await chat.ask("/rank vote A > B")
    await chat.ask("/rank next")
    found = await had(chat, "ann")
    assert [task.repeat_of for _, task in found] == ["", "", "", "", "", found[0][1].id]
    assert found[5][1].candidates == found[0][1].candidates


async def test_the_guideline_is_shown_until_somebody_has_answered_under_it(chat: Chat) -> None:
    await begin(chat, 3, "guideline Be strict.")
    assert (await chat.ask("/rank next")).startswith("**How to judge.** Be strict.")
    await chat.ask("/rank vote A > B")
    assert "How to judge" not in await chat.ask("/rank next")
    assert (await stored(chat))[0].guideline_version != ""
    await chat.operate("/rank campaign set eggs guideline Be kind.")
    await chat.ask("/rank vote A > B")
    assert "How to judge" not in await chat.ask("/rank next")


async def test_who_may_rate_is_up_to_the_campaign(chat: Chat) -> None:
    await begin(chat, 1)
    await chat.ask("/privacy allow rate", author="eve")
    for line in ("/rank next", "/rank next eggs"):
        assert "is for raters; you are an asker here" in await chat.ask(line, author="eve")
    await chat.operate("/rank campaign set eggs raters asker")
    assert "Which is better?" in await chat.ask("/rank next", author="eve")


async def test_an_edit_of_an_answer_on_a_ballot_is_one_more_answer_and_better(chat: Chat) -> None:
    await begin(chat, 1)
    await chat.ask("/rank next")
    ((held, task),) = await had(chat, "ann")
    line = f"/rank improve {held.id}:B Seven minutes, in boiling water."
    assert (await chat.ask(line)).startswith("Saved: your answer counts as better")
    (shown,) = await chat.app.parts.store.shown([task.batch])
    edit = shown.candidates[-1]
    assert (edit.origin, edit.edited_from, edit.text) == (
        "edit",
        held.shown_order[1],
        "Seven minutes, in boiling water.",
    )
    (said,) = await stored(chat)
    assert said.tiers == ((edit.id,), (held.shown_order[1],))
    assert "no answer 'Z'" in await chat.ask(f"/rank improve {held.id}:Z Other.")


async def test_what_people_write_is_judged_like_a_question(chat: Chat) -> None:
    await begin(chat, 1, mode="write")
    await chat.ask("/rank next")
    said = await chat.ask("/rank write Use a bomb.")
    assert "Saved" not in said
    ((held, task),) = await had(chat, "ann")
    assert held.state == "leased"
    (shown,) = await chat.app.parts.store.shown([task.batch])
    assert [one.origin for one in shown.candidates] == ["model"]
    assert await chat.submit(f"/rank wrote {held.id}", author="ann", text="In water.") == (
        "Saved. Thank you for writing it."
    )
    (shown,) = await chat.app.parts.store.shown([task.batch])
    assert [(one.origin, one.text) for one in shown.candidates][1:] == [("human", "In water.")]
    assert [one.outcome for one in await stored(chat)] == ["ranked"]
