"""Slack: `/rostra stop` and other commands in a channel mean what the person who writes them waits for, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from slack_stand import Stand, running
from slack_whole import changed, settings_of
from slack_whole import running as whole

from rostra.actions import Address, Finish
from rostra.config import Settings
from rostra.events import Event, Invocation, Message, Reaction
from rostra.places import Place
from rostra.testing.clock import ManualClock
from rostra.testing.contract import Shelf
from rostra.testing.slack_server import SlackServer, shown

STORY = "Once upon a time. " * 400


@pytest.fixture
async def server() -> AsyncGenerator[SlackServer]:
    async with SlackServer() as server:
        yield server


@pytest.fixture
async def stand(tmp_path: Path, server: SlackServer) -> AsyncGenerator[Stand]:
    async with running(tmp_path, server, shelf=Shelf()) as stand:
        yield stand


def slow(folder: Path, server: SlackServer, answers: dict[str, str], **more: Any) -> Settings:
    """Return the settings of a bot whose answers take a while."""
    settings_of(folder, server, answers, **more)
    return changed(folder, 'kind = "canned"', 'kind = "canned"\nseconds = 0.01')


async def stored(stand: Stand, event: Event) -> None:
    """Put what was handed over into the store, where it waits for its answer."""
    store = stand.slack.office.services.store
    assert store is not None
    await store.accept(event)


async def question(stand: Stand, server: SlackServer, by: str, *, thread_ts: str | None = None) -> Message:
    said = server.user(by).mention("C1", "a question", thread_ts=thread_ts)
    await server.delivered()
    found = next(one for one in stand.heard if one.id == f"C1:{said.ts}")
    assert isinstance(found, Message)
    await stored(stand, found)
    return found


async def stop(stand: Stand, server: SlackServer, by: str) -> Place:
    await server.user(by).slash("/rostra", "stop", channel="C1")
    used = stand.heard[-1]
    assert isinstance(used, Invocation)
    assert used.path == ("stop",)
    return used.place


async def test_a_stop_is_about_the_latest_answer_that_its_person_waits_for(
    stand: Stand, server: SlackServer
) -> None:
    first = await question(stand, server, "U1")
    store = stand.slack.office.services.store
    assert store is not None
    late = server.user("U1").mention("C1", "one that is answered at once")
    await server.delivered()
    assert late.ts != first.place.thread
    assert await stop(stand, server, "U1") == first.place
    second = await question(stand, server, "U1")
    assert await stop(stand, server, "U1") == second.place


async def test_a_stop_is_never_about_what_only_others_wait_for(stand: Stand, server: SlackServer) -> None:
    theirs = await question(stand, server, "U1")
    server.user("U2").mention("C1", "me too", thread_ts=theirs.place.thread)
    await server.delivered()
    assert (await stop(stand, server, "U2")) != theirs.place
    mine = await question(stand, server, "U2", thread_ts=theirs.place.thread)
    assert (await stop(stand, server, "U2")) == mine.place


async def test_a_stop_reaches_no_other_channel(stand: Stand, server: SlackServer) -> None:
    server.add_channel("other", id_="C2", members=["U1"])
    elsewhere = server.user("U1").mention("C2", "a question")
    await server.delivered()
    await stored(stand, next(one for one in stand.heard if one.id == f"C2:{elsewhere.ts}"))
    assert (await stop(stand, server, "U1")).channel == "C1"


async def test_what_is_asked_by_slash_command_in_a_channel_is_one_person_s_conversation(
    stand: Stand, server: SlackServer
) -> None:
    for person in ("U1", "U2"):
        await server.user(person).slash("/rostra", "ask a question", channel="C1")
    first, second = stand.heard
    assert first.place != second.place
    await stored(stand, first)
    assert (await stop(stand, server, "U2")) != first.place
    assert (await stop(stand, server, "U1")) == first.place
    await stand.perform(Address.of(first), Finish(reply="a" * 32, text="Here."))
    (answer,) = server.answers("C1")
    assert answer.thread_ts is None
    await server.user("U1").slash("/rostra", "ask in private")
    assert stand.heard[-1].place == Place(adapter="slack", workspace="T1", channel=server.user("U1").direct)


async def test_a_word_in_direct_messages_is_about_where_it_stands(stand: Stand, server: SlackServer) -> None:
    user = server.user("U1")
    thread = user.open_assistant()
    thread.say("a question")
    user.dm("stop")
    await server.delivered()
    assert isinstance(stand.heard[-1], Invocation)
    assert [one.place.thread for one in stand.heard] == [thread.thread_ts, None]


@pytest.mark.slow
async def test_one_person_s_stop_leaves_another_s_answer_alone(tmp_path: Path, server: SlackServer) -> None:
    settings = slow(tmp_path, server, {"story": "Once upon a time. " * 12 + "The end.", "tale": STORY})
    async with whole(settings):
        theirs = server.user("U1").mention("C1", "story")
        await server.until_text("Once upon")
        await server.user("U2").slash("/rostra", "stop", channel="C1")
        await server.until_text("nothing to stop")
        mine = server.user("U2").mention("C1", "tale")
        await server.until(lambda: server.answers("C1", thread_ts=mine.ts))
        await server.user("U2").slash("/rostra", "stop", channel="C1")
        await server.until_text("Stopped")
        await server.until_text("The end.")
        await server.until(lambda: not any(one.open for one in server.streams))
    assert shown(server.answers("C1", thread_ts=theirs.ts)[-1]).endswith("The end.")
    assert len(server.text(thread_ts=mine.ts)) < 3_000


@pytest.mark.slow
async def test_after_a_restart_a_reaction_and_a_shortcut_find_the_conversation_of_an_answer(
    tmp_path: Path, server: SlackServer
) -> None:
    settings_of(tmp_path, server, {"hello": "Good day."})
    settings = changed(tmp_path, 'url = "memory:"', 'url = ""')
    clock = ManualClock()  # it stands still: nothing takes too long, however busy the machine is
    asking, user = server.user("U1"), server.user("U2")
    async with whole(settings, clock) as app:
        asked = asking.mention("C1", "hello")
        await server.until_text("Good day.")
        await app.reception.drain()
        await asking.slash("/rostra", "ask hello", channel="C1")
        await server.until(lambda: len(server.answers("C1")) == 2)
        await app.reception.drain()
    threaded, outside = server.answers("C1")
    heard: list[Event] = []
    async with whole(settings, clock) as app:
        accept = app.parts.store.accept

        async def hear(event: Event) -> Any:
            heard.append(event)
            return await accept(event)

        app.parts.store.accept = hear  # type: ignore[method-assign]  # the store is what hears
        for message in (threaded, outside):
            user.react(message, "+1")
        await server.delivered()
        await user.shortcut("rostra.why", threaded)
        (told,) = await server.until(lambda: server.ephemeral)
    reactions = [one for one in heard if isinstance(one, Reaction)]
    found = {one.target: one.place.thread for one in reactions}
    assert found == {f"C1:{threaded.ts}": asked.ts, f"C1:{outside.ts}": "U1"}
    assert "Trace" in shown(told)


@pytest.mark.slow
async def test_thumbs_pressed_in_a_thread_are_kept_for_the_answer_they_are_under(
    tmp_path: Path, server: SlackServer
) -> None:
    settings_of(tmp_path, server, {"one": "The first.", "two": "The second."})
    settings = changed(tmp_path, "thumbs = false", "thumbs = true")
    user = server.user("U1")
    async with whole(settings) as app:
        root = user.mention("C1", "one")
        await server.until_text("Good")
        user.mention("C1", "two", thread_ts=root.ts)
        await server.until(lambda: server.text().count("Good") == 2)
        await app.reception.drain()
        first, second = server.answers("C1")
        await user.press("Good", on=first)
        await user.press("I agree")
        await user.press("Bad", on=second)
        await server.until(lambda: len(server.ephemeral) >= 2 and "Saved: not a good" in _whispered(server))
        place = Place(adapter="slack", workspace="T1", channel="C1", thread=root.ts)
        replies = [await app.parts.store.reply_shown(place, f"C1:{one.ts}") for one in (first, second)]
        thumbs = await app.parts.store.thumbs(datetime(2000, 1, 1, tzinfo=UTC))
    assert {one.reply: one.value for one in thumbs} == dict(zip(replies, (1, -1), strict=True))
    assert {one.thread_ts for one in server.ephemeral} == {root.ts}


def _whispered(server: SlackServer) -> str:
    return "\n".join(map(shown, server.ephemeral))


async def test_an_ask_without_a_question_says_how_it_is_written(stand: Stand, server: SlackServer) -> None:
    for line in ("ask", "ask  ", "/ask"):
        answer = await server.user("U1").slash("/rostra", line, channel="C1")
        assert "/rostra ask What is" in str(answer)
    assert stand.heard == []


async def test_what_people_think_of_each_other_s_messages_is_not_taken(
    stand: Stand, server: SlackServer
) -> None:
    asked = await question(stand, server, "U1")
    await stand.perform(Address.of(asked), Finish(reply="a" * 32, text="Here."))
    others = server.user("U1").say("C1", "among ourselves")
    for message in (others, server.answers("C1")[0]):
        server.user("U2").react(message, "+1")
    await server.delivered()
    reactions = [one for one in stand.heard if isinstance(one, Reaction)]
    assert [(one.place, one.target) for one in reactions] == [
        (asked.place, f"C1:{server.answers('C1')[0].ts}")
    ]


async def test_a_store_that_hangs_leaves_a_stop_with_nothing_to_stop(tmp_path: Path) -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server, running(tmp_path, server, shelf=Shelf()) as stand:
        asked = await question(stand, server, "U1")
        memory, never = stand.slack.office.memory, clock.sleep(10)
        assert await memory.waiting(asked.place, "U1") == asked.place
        assert memory.store is not None
        memory.store.unfinished = lambda: never  # type: ignore[method-assign,assignment,return-value]
        looking = asyncio.ensure_future(memory.waiting(asked.place, "U1"))
        await clock.advance(1.5)
        assert await looking is None
