"""Slack: which conversation is meant where Slack tells of no thread: commands, shortcuts, presses, forms, reactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from slack_stand import Stand, opened, running
from slack_whole import changed, settings_of
from slack_whole import running as whole

from rostra.actions import Address, Finish, Show
from rostra.events import Event, Invocation, Message, Press, Reaction, Submit
from rostra.places import Person, Place
from rostra.testing.clock import ManualClock
from rostra.testing.contract import Shelf
from rostra.testing.slack_server import SlackServer, shown
from rostra.views import Button, Buttons, Field, Form, Text, View

R = "r" * 32
CHANNEL = Place(adapter="slack", workspace="T1", channel="C1")
OWN = Place(adapter="slack", workspace="T1", channel="C1", thread="U1")
"""What U1 asks there by slash command."""
FORM = Form(control="/persona", title="A form", fields=(Field(name="text", label="Text"),))
VIEW = View(parts=(Buttons(buttons=(Button(control="/help", label="Help"),)), FORM))
PRIVATE = View(parts=VIEW.parts, private=True)


@pytest.fixture
async def server() -> AsyncGenerator[SlackServer]:
    async with SlackServer() as server:
        yield server


@pytest.fixture
async def stand(tmp_path: Path, server: SlackServer) -> AsyncGenerator[Stand]:
    async with running(tmp_path, server, shelf=Shelf()) as stand:
        yield stand


async def asked(stand: Stand, server: SlackServer, text: str = "a question", by: str = "U1") -> Event:
    """Somebody mentions the bot; return the event."""
    number = len({event.id for event in stand.heard}) + 1
    said = server.user(by).mention("C1", text)
    await server.delivered()
    assert len({event.id for event in stand.heard}) == number
    return next(event for event in stand.heard if event.id == f"C1:{said.ts}")


async def used(stand: Stand, server: SlackServer, line: str, by: str = "U1") -> Event:
    """Somebody uses the slash command in the channel; return the event."""
    await server.user(by).slash("/rostra", line, channel="C1")
    return stand.heard[-1]


def put(stand: Stand, view: View) -> Show:
    action, shelf = Show(reply=R, view=view), stand.slack.office.services.controls
    assert isinstance(shelf, Shelf)
    shelf.put(action)
    return action


async def test_a_command_is_about_the_latest_conversation_of_whoever_uses_it(
    stand: Stand, server: SlackServer
) -> None:
    first, second = await asked(stand, server), await asked(stand, server)
    others = await asked(stand, server, by="U2")
    assert len({first.place, second.place, others.place}) == 3
    assert (await used(stand, server, "why")).place == second.place
    assert (await used(stand, server, "why", by="U2")).place == others.place
    server.user("U1").mention("C1", "one more", thread_ts=first.place.thread)
    await server.delivered()
    assert (await used(stand, server, "why")).place == first.place


async def test_where_nobody_talked_a_command_is_about_the_channel(stand: Stand, server: SlackServer) -> None:
    await asked(stand, server, by="U2")
    assert (await used(stand, server, "why")).place == CHANNEL
    asking = await used(stand, server, "ask who are you?")
    assert isinstance(asking, Message)
    assert asking.place == OWN
    assert (await used(stand, server, "why")).place == OWN


async def test_a_question_that_slack_sends_again_is_not_the_latest(stand: Stand, server: SlackServer) -> None:
    await asked(stand, server, "first")
    late = server.deliveries[-1]
    second = await asked(stand, server, "second")
    await server.repeat(late)
    assert (await used(stand, server, "why")).place == second.place


async def test_a_command_in_a_message_outside_of_threads_is_about_the_latest_conversation(
    stand: Stand, server: SlackServer
) -> None:
    first = await asked(stand, server, "/why")
    assert first.place.thread is not None  # there is none yet
    question = await asked(stand, server)
    command = await asked(stand, server, "/reset")
    assert (command.place, command.extra["outside"]) == (question.place, "1")
    assert (await used(stand, server, "why")).place == question.place
    await stand.perform(Address.of(command), Show(reply=R, view=View(parts=(Text(text="Done."),))))
    assert [one.thread_ts for one in server.answers("C1")] == [None]


@pytest.mark.slow
async def test_a_control_word_outside_of_threads_is_about_the_latest_conversation(
    tmp_path: Path, server: SlackServer
) -> None:
    settings_of(tmp_path, server, {"story": "Once upon a time. " * 400})
    settings = changed(tmp_path, 'kind = "canned"', 'kind = "canned"\nseconds = 0.01')
    async with whole(settings):
        root = server.user("U1").mention("C1", "story")
        await server.until_text("Once upon")
        server.user("U1").mention("C1", "stop")
        await server.until(lambda: not any(one.open for one in server.streams))
        await server.until_text("Stopped")
    assert {one.thread_ts for one in server.answers("C1")} == {root.ts}
    assert len(server.text()) < 3_000


async def test_what_is_about_a_thread_is_answered_where_it_was_asked(
    stand: Stand, server: SlackServer
) -> None:
    question = await asked(stand, server)
    answered = await stand.perform(Address.of(question), Finish(reply="a" * 32, text="Here."))
    assert answered.shown
    command = await used(stand, server, "why")
    for number, view in enumerate((PRIVATE, View(parts=(Text(text="for all"),)))):
        await stand.perform(Address.of(command), Show(reply=f"{number}" * 32, view=view))
    assert [one.thread_ts for one in server.ephemeral] == [None]
    assert [one.thread_ts for one in server.answers("C1")] == [question.place.thread, None]


async def test_the_answer_to_a_command_that_comes_without_its_address_is_not_in_the_thread_either(
    stand: Stand, server: SlackServer
) -> None:
    await asked(stand, server)
    command = await used(stand, server, "why")
    without = {name: value for name, value in command.extra.items() if name != "hook"}
    address = Address(place=command.place, question=command.id, extra=without)
    await stand.perform(address, Show(reply=R, view=PRIVATE))
    assert [(one.to, one.thread_ts) for one in server.ephemeral] == [("U1", None)]


@pytest.mark.parametrize("view", [PRIVATE, VIEW], ids=["private", "for all"])
async def test_what_is_pressed_and_sent_in_such_an_answer_is_about_the_thread_too(
    stand: Stand, server: SlackServer, view: View
) -> None:
    question = await asked(stand, server)
    command = await used(stand, server, "help")
    reply = await stand.slack.office.services.store.accept(command)  # type: ignore[union-attr]
    shelf = stand.slack.office.services.controls
    assert isinstance(shelf, Shelf)
    action = Show(reply=reply.reply, view=view)
    shelf.put(action)
    await stand.perform(Address.of(command), action)
    person = server.user("U1")
    await person.press("Help")
    await person.press("A form \u2026")
    await person.submit(values={"Text": "hello"})
    pressed, sent = stand.heard[-2:]
    assert isinstance(pressed, Press)
    assert isinstance(sent, Submit)
    assert (pressed.place, sent.place) == (question.place, question.place)
    await stand.perform(Address.of(sent), Show(reply="s" * 32, view=View(parts=(Text(text="Kept."),))))
    assert server.answers("C1")[-1].thread_ts is None


async def test_what_is_pressed_in_a_thread_is_about_that_thread(stand: Stand, server: SlackServer) -> None:
    first, _ = await asked(stand, server), await asked(stand, server)
    await stand.perform(Address.of(first), put(stand, VIEW))
    await server.user("U1").press("Help")
    assert stand.heard[-1].place == first.place
    assert "outside" not in stand.heard[-1].extra


async def test_the_control_of_another_channel_leads_to_no_conversation(
    stand: Stand, server: SlackServer
) -> None:
    elsewhere = Message(
        id="C2:1.1",
        place=Place(adapter="slack", workspace="T1", channel="C2", thread="1.1"),
        author=Person(id="U1"),
        text="a question",
        sent_at=stand.slack.office.now,
    )
    reply = await stand.slack.office.services.store.accept(elsewhere)  # type: ignore[union-attr]
    where = await stand.slack.office.memory.shown_in(CHANNEL, "C1:1.2", f"{reply.reply}.0")
    assert where == CHANNEL
    for made_up in ("", "x", f"{'0' * 32}.0", f"{reply.reply}.0.0"):
        assert await stand.slack.office.memory.shown_in(CHANNEL, "C1:1.2", made_up) == CHANNEL


async def test_a_shortcut_on_an_answer_is_about_its_conversation(stand: Stand, server: SlackServer) -> None:
    question = await asked(stand, server)
    await stand.perform(Address.of(question), Finish(reply="a" * 32, text="In the thread."))
    asking = await used(stand, server, "ask who are you?")
    await stand.perform(Address.of(asking), Finish(reply="b" * 32, text="In the channel."))
    for message, place in zip(server.answers("C1"), (question.place, OWN), strict=True):
        await server.user("U2").shortcut("rostra.why", message)
        used_on = stand.heard[-1]
        assert isinstance(used_on, Invocation)
        assert used_on.place == place
        assert used_on.options["message"] == f"C1:{message.ts}"


async def test_a_reaction_is_in_the_thread_of_its_message(stand: Stand, server: SlackServer) -> None:
    question = await asked(stand, server)
    await stand.perform(Address.of(question), Finish(reply="a" * 32, text="Here."))
    server.user("U2").react(server.answers("C1")[0], "+1")
    await server.delivered()
    (reaction,) = [event for event in stand.heard if isinstance(event, Reaction)]
    assert reaction.place == question.place


@pytest.mark.slow
async def test_after_a_restart_the_record_tells_what_commands_are_about(
    tmp_path: Path, server: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rostra_adapters.slack.memory.LOOKING", 30.0)  # however busy the machine is
    settings_of(tmp_path, server, {"hello": "Good day.", "story": "Once upon a time. " * 400})
    changed(tmp_path, 'url = "memory:"', 'url = ""\n[delivery]\ngrace_seconds = 0.05')
    settings = changed(tmp_path, 'kind = "canned"', 'kind = "canned"\nseconds = 0.01')
    first, second = server.user("U1"), server.user("U2")
    async with whole(settings) as app:
        second.mention("C1", "hello")
        await server.until_text("Good day.")
        await app.reception.drain()
        first.mention("C1", "story")
        await server.until_text("Once upon")
    async with whole(settings):  # it goes on with the story that was cut short
        await first.slash("/rostra", "stop", channel="C1")
        await server.until_text("Stopped")
        await second.slash("/rostra", "why", channel="C1")
        (told,) = await server.until(lambda: server.ephemeral)
        await second.slash("/rostra", "reset", channel="C1")
        await server.until_text("A fresh start")
        await server.until(lambda: not any(one.open for one in server.streams))
    assert (told.to, told.thread_ts) == ("U2", None)
    assert "Trace" in shown(told)
    assert len(server.text()) < 3_000


async def test_a_store_that_does_not_answer_leaves_a_command_to_the_channel(tmp_path: Path) -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server, opened(tmp_path, server) as stand:
        memory, never = stand.slack.office.memory, ManualClock().sleep(1)
        assert memory.store is not None
        memory.store.judgements = lambda *_: never  # type: ignore[method-assign]
        looking = asyncio.ensure_future(memory.latest(CHANNEL, "U1"))
        await clock.advance(1.5)
        assert await looking == CHANNEL
