"""Dangerous commands are done once whoever asked for them says so: once, in time, and nobody else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from rostra import Call, command
from rostra.command import Option
from rostra.events import Press
from rostra.places import Person
from rostra.storage import open_store
from rostra.testing.chats import OPERATOR, Chat, chatting
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ListModerator
from rostra.testing.samples import NOON
from rostra.views import Button, Buttons, View

NOTHING = "Nothing waits to be confirmed"
DONE: list[str] = []


@command("blow", help="…", options=[Option(name="what", help="…", free=True)], dangerous="blows it up.")
async def blow(call: Call) -> str:
    DONE.append(call.options.get("what", "all"))
    return f"Gone: {DONE[-1]}"


async def _if_big(call: Call) -> str:
    return "is big." if call.options.get("what") == "big" else ""


@command("push", help="…", options=[Option(name="what", help="…")], dangerous=_if_big)
async def push(call: Call) -> str:
    DONE.append(call.options.get("what", "all"))
    return "Pushed."


@command("panel", help="…")
async def panel(call: Call) -> View:
    return View(parts=(Buttons(buttons=(Button(control="/blow door", label="Blow"),)),))


COMMANDS = (blow, push, panel)


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    DONE.clear()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def chat(clock: ManualClock) -> AsyncGenerator[Chat]:
    moderator = ListModerator(words={"bomb": "illicit"})
    async with chatting(moderator, commands=COMMANDS, clock=clock) as chat:
        yield chat


def controls(chat: Chat) -> tuple[str, str]:
    """Return what Confirm and Cancel of the last view stand for."""
    (row,) = [part for part in chat.view.parts if isinstance(part, Buttons)]
    yes, no = row.buttons
    assert (yes.label, yes.style, no.label) == ("Confirm", "danger", "Cancel")
    return yes.control, no.control


async def test_a_dangerous_command_says_what_it_would_do_and_waits(chat: Chat) -> None:
    asked = await chat.ask("/blow the bridge")
    assert asked.startswith("`/blow the bridge` blows it up. Confirm it, or write `/confirm`")
    assert chat.view.private
    assert DONE == []


async def test_it_is_done_with_the_button_once_and_the_buttons_give_way(chat: Chat) -> None:
    await chat.ask("/blow the bridge")
    yes, no = controls(chat)
    id_, other = chat.id_of(yes), chat.id_of(no)
    assert await chat.press_id(id_, author="ann") == "Gone: the bridge"
    assert chat.view.in_place
    assert "no longer valid" in await chat.press_id(id_, author="ann")
    assert "no longer valid" in await chat.press_id(other, author="ann")
    assert DONE == ["the bridge"]


async def test_it_is_done_with_a_word_once(chat: Chat) -> None:
    await chat.ask("/blow the bridge")
    assert await chat.ask("/rostra confirm") == "Gone: the bridge"
    assert NOTHING in await chat.ask("/confirm")
    assert DONE == ["the bridge"]


async def test_what_was_cancelled_is_not_done(chat: Chat) -> None:
    await chat.ask("/blow the bridge")
    yes, no = controls(chat)
    assert await chat.press(no, author="ann") == "Cancelled."
    assert NOTHING in await chat.ask("/confirm")
    assert NOTHING in await chat.ask(yes)
    assert DONE == []


async def test_nobody_else_confirms_or_cancels_it(chat: Chat) -> None:
    await chat.ask("/blow the bridge")
    yes, no = controls(chat)
    for author in ("ben", OPERATOR):
        assert "no longer valid" in await chat.press(yes, author=author)
        assert NOTHING in await chat.ask(yes, author=author)
        assert NOTHING in await chat.ask(no, author=author)
        assert NOTHING in await chat.ask("/confirm", author=author)
    assert NOTHING in await chat.ask(yes, channel="lounge")
    assert DONE == []
    assert await chat.ask(yes) == "Gone: the bridge"


async def test_after_five_minutes_it_is_not_done(chat: Chat, clock: ManualClock) -> None:
    await chat.ask("/blow the bridge")
    yes, _ = controls(chat)
    await clock.advance(301)
    assert NOTHING in await chat.press(yes, author="ann")
    assert DONE == []


async def test_a_request_is_no_other_reply(chat: Chat) -> None:
    await chat.ask("hello")
    hello = chat.platform.calls[-1][0].reply
    await chat.ask("/panel")
    shown = chat.platform.calls[-1][0].reply
    for request in (hello, shown, "0" * 32, "x", "/blow"):
        assert NOTHING in await chat.ask(f"/confirm {request}")


async def test_a_button_may_be_dangerous_too(chat: Chat) -> None:
    await chat.ask("/panel", author="ben")
    assert "`/blow door` blows it up." in await chat.press("/blow door", author="ann")
    assert await chat.ask("/confirm") == "Gone: door"


async def test_only_what_is_dangerous_this_time_is_asked(chat: Chat) -> None:
    assert await chat.ask("/push small") == "Pushed."
    assert "is big." in await chat.ask("/push big")
    assert DONE == ["small"]


async def test_what_is_blocked_is_not_even_asked(chat: Chat) -> None:
    assert "blows it up" not in await chat.ask("/blow a bomb")
    assert NOTHING in await chat.ask("/confirm")


async def test_what_was_written_stays_in_its_line(chat: Chat) -> None:
    asked = await chat.ask("/blow `up` **now**")
    assert asked.startswith("`/blow 'up' **now**` blows it up.")


async def test_whoever_lost_the_permission_meanwhile_does_nothing(clock: ManualClock) -> None:
    async with chatting(clock=clock) as chat:
        place = chat.platform.place()
        await chat.ask("/personas edit librarian You are a librarian.", author=OPERATOR)
        await chat.ask("/personas remove librarian", author=OPERATOR)
        yes, _ = controls(chat)
        grants = chat.app.parts.settings.permissions.model_copy(update={"operator": ()})
        object.__setattr__(chat.app.parts.settings, "permissions", grants)
        event = Press(
            id="late",
            place=place,
            author=Person(id=OPERATOR),
            control=chat.id_of(yes),
            sent_at=NOON,
        )
        assert "is for operators" in await chat.happen(event)
        assert "librarian" in await chat.app.desk.personas(place)


@pytest.mark.slow
async def test_a_yes_counts_once_after_restarts(tmp_path: Path, clock: ManualClock) -> None:
    async def ask(text: str, *, ident: str) -> str:
        async with (
            open_store("", data=tmp_path, clock=clock) as store,
            chatting(commands=COMMANDS, store=store, clock=clock) as chat,
        ):
            message = replace(chat.platform.message(text), id=ident)
            said = await chat.happen(message)
            if "Confirm it" in said:
                return controls(chat)[0]
            return said

    yes = await ask("/blow the bridge", ident="1")
    assert await ask(yes, ident="2") == "Gone: the bridge"
    assert NOTHING in await ask(yes, ident="3")
    assert DONE == ["the bridge"]
