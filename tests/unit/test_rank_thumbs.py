"""Thumbs under answers: stored once each, the last one counts, with a reason, and not before somebody agreed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

import pytest
from ranking_stand import ASKED, SAID, asking, stored

from rostra.actions import Finish
from rostra.config import FeedbackSettings
from rostra.events import Press, Reaction
from rostra.feedback.values import Thumb
from rostra.places import Person
from rostra.testing.chats import Chat
from rostra.views import Choices, Form

AGES_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def chat() -> AsyncGenerator[Chat]:
    async with asking(settings={"feedback": FeedbackSettings()}) as chat:
        yield chat


def reply_of(chat: Chat, text: str = SAID[0]) -> str:
    """Return the id of the answer with this text."""
    finished = (action for action, _ in chat.platform.calls if isinstance(action, Finish))
    return next(action.reply for action in finished if action.text == text)


async def thumbs(chat: Chat) -> Sequence[Thumb]:
    return await chat.app.parts.store.thumbs(AGES_AGO, chat.platform.place())


async def test_an_answer_has_both_thumbs_under_it_and_a_refusal_has_none(chat: Chat) -> None:
    assert (await chat.ask("hello")).endswith("[Good] [Bad]")
    assert "[Good]" not in await chat.ask("Where is the bomb?")
    assert "[Good]" not in await chat.ask("/help")


async def test_there_are_none_where_the_configuration_says_so() -> None:
    async with asking(settings={"feedback": FeedbackSettings(thumbs=False)}) as chat:
        assert await chat.ask("hello") == "hello"


async def test_the_first_press_shows_the_notice_and_agreeing_goes_on_with_it(chat: Chat) -> None:
    reply = reply_of(chat)
    asked = await chat.press(f"/rank thumb good {reply}", author="ben")
    assert asked.startswith("**Before you rank:**")
    assert await thumbs(chat) == []
    said = await chat.press(f"/privacy allow rate rank thumb good {reply}", author="ben")
    assert said == "Saved: a good answer."
    (one,) = await thumbs(chat)
    assert (one.reply, one.value, one.answerer) == (reply, 1, "default")
    assert one.person == await chat.app.parts.store.pseudonym("fake", Person(id="ben"))


async def test_the_last_thumb_counts_with_the_reason_that_was_picked(chat: Chat) -> None:
    await chat.ask("/privacy allow rate", author="ben")
    reply = reply_of(chat)
    await chat.press(f"/rank thumb good {reply}", author="ben")
    await chat.press(f"/rank thumb bad {reply}", author="ben")
    (reasons,) = [part for part in chat.view.parts if isinstance(part, Choices)]
    said = await chat.press(reasons.control, "unsafe", author="ben")
    assert said.startswith("Saved: not a good answer. Reason: it is harmful.")
    assert [(one.value, one.reason) for one in await thumbs(chat)] == [(-1, "unsafe")]
    await chat.ask("/rank thumb none", author="ben")
    assert await thumbs(chat) == []


async def test_the_same_press_five_times_is_one_thumb(chat: Chat) -> None:
    await chat.ask("/privacy allow rate", author="ben")
    event = Press(
        id="once",
        place=chat.platform.place(),
        author=Person(id="ben"),
        control=chat.id_of(f"/rank thumb bad {reply_of(chat)}"),
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    for _ in range(5):
        await chat.happen(event)
    assert len(await thumbs(chat)) == 1


async def test_an_answer_of_another_channel_is_none_of_theirs(chat: Chat) -> None:
    reply = reply_of(chat)
    await chat.ask("/privacy allow rate", author="ben")
    said = await chat.ask(f"/rank thumb good {reply}", author="ben", channel="elsewhere")
    assert said == "That is no answer of mine that I still know about."
    assert await thumbs(chat) == []


async def test_a_better_text_is_an_answer_of_its_own_that_was_preferred(chat: Chat) -> None:
    await chat.ask("/privacy allow rate")
    reply = reply_of(chat)
    await chat.press(f"/rank thumb bad {reply}", author="ann")
    (form,) = [part for part in chat.view.parts if isinstance(part, Form)]
    assert form.fields[0].value == SAID[0]
    said = await chat.submit(form.control, author="ann", text="Seven minutes in boiling water.")
    assert said.startswith("Saved: your answer counts as better")
    (one,) = await stored(chat)
    store = chat.app.parts.store
    held = await store.assignment(one.assignment)
    assert held is not None
    (shown,) = await store.shown([held.batch])
    first, second = shown.candidates
    assert (first.origin, first.text, first.answerer) == ("model", SAID[0], "default")
    assert (second.origin, second.edited_from) == ("edit", first.id)
    assert one.tiers == ((second.id,), (first.id,))
    assert (shown.batch.question, shown.batch.reply) == (ASKED, reply)
    assert shown.batch.asker == held.person


def reacts(chat: Chat, emoji: str, *, added: bool = True, author: str = "ann") -> Reaction:
    """Return an emoji on the first answer."""
    message = chat.platform.message("")
    target = next(ref for ref, one in chat.platform.shown.items() if one.text.startswith(SAID[0]))
    return Reaction(
        id=message.id,
        place=message.place,
        author=Person(id=author),
        target=target,
        emoji=emoji,
        added=added,
        sent_at=message.sent_at,
    )


@pytest.mark.parametrize(("emoji", "value"), [("👍", 1), ("👎🏽", -1), ("+1", 1), ("-1::skin-tone-3", -1)])
async def test_an_emoji_counts_as_a_thumb_and_is_answered_nothing(chat: Chat, emoji: str, value: int) -> None:
    await chat.ask("/privacy allow rate")
    assert await chat.happen(reacts(chat, emoji)) == ""
    (one,) = await thumbs(chat)
    assert (one.reply, one.value) == (reply_of(chat), value)


async def test_an_emoji_that_is_taken_away_takes_back_what_it_said_and_no_other_thumb(chat: Chat) -> None:
    await chat.ask("/privacy allow rate")
    for emoji, added in (("👍", True), ("👎", True), ("👍", False)):
        await chat.happen(reacts(chat, emoji, added=added))
    assert [one.value for one in await thumbs(chat)] == [-1]
    await chat.happen(reacts(chat, "👎", added=False))
    assert await thumbs(chat) == []


async def test_an_emoji_of_who_did_not_agree_or_one_that_is_no_thumb_is_kept_nowhere(chat: Chat) -> None:
    assert await chat.happen(reacts(chat, "👍")) == ""
    await chat.ask("/privacy allow rate")
    assert await chat.happen(reacts(chat, "🥚")) == ""
    assert await thumbs(chat) == []
