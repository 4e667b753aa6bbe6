"""What a control stands for is on our side: ids that were tampered with, or carried elsewhere, reach nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rostra import Call, Command, Permission, command
from rostra.actions import Show
from rostra.command import Option
from rostra.controls import StoredControls, controls_of, ids
from rostra.events import Press, Submit
from rostra.places import Person, Place
from rostra.storage import open_store
from rostra.storage.memory import MemoryStore
from rostra.stores import Store
from rostra.testing.chats import OPERATOR, Chat, chatting
from rostra.testing.clock import ManualClock
from rostra.views import (
    Ballot,
    Button,
    Buttons,
    Choice,
    Choices,
    Field,
    Form,
    Text,
    View,
    as_text,
)

HERE = Place(adapter="fake", workspace="w", channel="general")
NOON = datetime(2026, 1, 1, tzinfo=UTC)
NO_CONTROL = "This control is no longer valid."
PARTS = (
    Text(text="Look:"),
    Buttons(buttons=(Button(control="/echo one", label="1"), Button(control="/echo two", label="2"))),
    Choices(
        control="/echo",
        prompt="Pick",
        choices=(Choice(value="a", label="A"), Choice(value="b c", label="B")),
        most=2,
    ),
    Form(control="/echo form", title="Say", fields=(Field(name="more", label="More"),)),
    Ballot(control="/echo ballot", question="?", answers=("x", "y")),
    Buttons(buttons=(Button(control="nothing of ours", label="3"),)),
)


@command("echo", help="…", options=[Option(name="word", help="…"), Option(name="more", help="…")])
async def echo(call: Call) -> str:
    return f"{call.turn.author.id} echoes {dict(call.options)}"


@command("secret", help="…", permission=Permission.OPERATOR)
async def secret(call: Call) -> str:
    return "the secret"


@command("public", help="…")
async def public(call: Call) -> View:
    return View(parts=(*PARTS, Buttons(buttons=(Button(control="/secret", label="S"),))))


@command("private", help="…")
async def private(call: Call) -> View:
    return View(parts=PARTS, private=True)


COMMANDS: Sequence[Command] = (echo, secret, public, private)


@pytest.fixture
async def chat() -> AsyncGenerator[Chat]:
    async with chatting(commands=COMMANDS) as chat:
        yield chat


async def press(chat: Chat, id_: str, *values: str, author: str = "ann", place: Place = HERE) -> str:
    return await chat.happen(
        Press(
            id=f"p{len(chat.platform.calls)}",
            place=place,
            author=Person(id=author),
            control=id_,
            values=values,
            sent_at=NOON,
        )
    )


async def submit(chat: Chat, id_: str, fields: dict[str, str], *, author: str = "ann") -> str:
    return await chat.happen(
        Submit(
            id=f"s{len(chat.platform.calls)}",
            place=HERE,
            author=Person(id=author),
            form=id_,
            fields=fields,
            sent_at=NOON,
        )
    )


def reply_of(chat: Chat) -> str:
    """Return the id of the reply that showed the last view."""
    return next(action.reply for action, _ in reversed(chat.platform.calls) if isinstance(action, Show))


def test_controls_are_numbered_in_the_order_they_are_shown() -> None:
    numbered = list(ids("r", View(parts=PARTS)))
    assert [id_ for id_, _ in numbered] == ["r.0", "r.1", "r.2", "r.3", "r.4", "r.5"]
    assert [part.control for _, part in numbered] == [
        "/echo one",
        "/echo two",
        "/echo",
        "/echo form",
        "/echo ballot",
        "nothing of ours",
    ]
    buttons = (Button(control="/a", label="a"), Button(control="/b", label="b"))
    assert list(controls_of(buttons)) == list(buttons)


def test_without_controls_people_are_told_what_to_write() -> None:
    written = as_text(View(parts=PARTS)).splitlines()
    assert written[written.index("Pick") :][:2] == ["Pick", "- A: `/echo a`"]
    assert "- B: `/echo b c`" in written
    assert "Write it as `/echo form MORE`." in written


@pytest.mark.parametrize(
    ("number", "values", "said"),
    [
        (0, (), "ann echoes {'word': 'one'}"),
        (1, (), "ann echoes {'word': 'two'}"),
        (2, ("b c",), "ann echoes {'word': 'b c'}"),
        (2, ("a", "b c"), "ann echoes {'word': 'a', 'more': 'b c'}"),
        (3, (), "ann echoes {'word': 'form'}"),
        (4, ("B", ">", "A"), "ann echoes {'word': 'ballot', 'more': 'B > A'}"),
    ],
)
async def test_a_control_does_what_its_line_says(
    chat: Chat, number: int, values: tuple[str, ...], said: str
) -> None:
    await chat.ask("/public")
    assert await press(chat, f"{reply_of(chat)}.{number}", *values) == said


async def test_what_was_filled_in_becomes_options_by_name(chat: Chat) -> None:
    await chat.ask("/public")
    assert (
        await submit(chat, f"{reply_of(chat)}.3", {"more": "of it all"})
        == "ann echoes {'more': 'of it all', 'word': 'form'}"
    )


async def test_what_does_not_fit_the_control_is_refused(chat: Chat) -> None:
    await chat.ask("/public")
    reply = reply_of(chat)
    for number, values in [(2, ("z",)), (2, ()), (2, ("a", "b c", "z")), (5, ()), (7, ())]:
        assert await press(chat, f"{reply}.{number}", *values) == NO_CONTROL
    for number, fields in [(3, {"word": "not asked for"}), (0, {"more": "x"}), (2, {"more": "x"})]:
        assert await submit(chat, f"{reply}.{number}", fields) == NO_CONTROL


TAMPERED = [
    "",
    ".",
    "0",
    "/secret",
    "/echo one",
    "{reply}",
    "{reply}.",
    "{reply}.00",
    "{reply}.-1",
    "{reply}.99",
    "{reply}.0.0",
    "{reply}.0 ",
    " {reply}.0",
    "{reply}.\u0660",
    "{upper}.0",
    "{reply}.0\n",
    "rostra:{reply}.0",
    "00000000000000000000000000000000.0",
    "../{reply}.0",
    "{other}.0",
    "{question}.0",
]


@pytest.mark.parametrize("tampered", TAMPERED)
async def test_an_id_that_was_tampered_with_reaches_nothing(chat: Chat, tampered: str) -> None:
    await chat.ask("hello", author="ann")
    question = chat.platform.calls[-1][0].reply
    await chat.ask("/public")
    reply = reply_of(chat)
    other = reply[:-1] + ("0" if reply[-1] != "0" else "1")
    id_ = tampered.format(reply=reply, upper=reply.upper(), other=other, question=question)
    if id_ == f"{reply}.0":  # all digits: upper case is no other id
        return
    assert await press(chat, id_, author=OPERATOR) == NO_CONTROL


async def test_ids_of_another_workspace_channel_or_platform_find_nothing(chat: Chat) -> None:
    await chat.ask("/public")
    id_ = f"{reply_of(chat)}.0"
    assert await press(chat, id_, place=replace(HERE, thread="t")) != NO_CONTROL
    for place in (replace(HERE, workspace="x"), replace(HERE, channel="x"), replace(HERE, workspace="")):
        assert await press(chat, id_, author=OPERATOR, place=place) == NO_CONTROL
    controls = StoredControls(chat.app.parts.store)
    assert await controls.find(HERE, id_) is not None
    assert await controls.find(replace(HERE, adapter="other"), id_) is None


async def test_what_was_shown_to_one_works_for_nobody_else(chat: Chat) -> None:
    await chat.ask("/private", author="ann")
    reply = reply_of(chat)
    assert await press(chat, f"{reply}.0", author="ben") == NO_CONTROL
    assert await press(chat, f"{reply}.0", author=OPERATOR) == NO_CONTROL
    assert await submit(chat, f"{reply}.3", {"more": "x"}, author="ben") == NO_CONTROL
    assert await press(chat, f"{reply}.0", author="ann") == "ann echoes {'word': 'one'}"


async def test_whoever_presses_is_asked_for_their_own_permission(chat: Chat) -> None:
    await chat.ask("/public", author=OPERATOR)
    id_ = f"{reply_of(chat)}.6"
    assert "`/secret` is for operators; you are an asker here." in await press(chat, id_, author="ann")
    assert await press(chat, id_, author=OPERATOR) == "the secret"


async def test_that_a_control_is_gone_is_said_to_whoever_pressed_it_alone(chat: Chat) -> None:
    await press(chat, "x.0")
    assert chat.view.private


@pytest.mark.slow
async def test_controls_work_after_a_restart(tmp_path: Path) -> None:
    async def opened(act: Any) -> Any:
        clock = ManualClock()
        async with (
            open_store("", data=tmp_path, clock=clock) as store,
            chatting(commands=COMMANDS, store=store, clock=clock) as chat,
        ):
            return await act(chat)

    async def show(chat: Chat) -> str:
        await chat.ask("/private")
        return reply_of(chat)

    reply = await opened(show)

    async def use(chat: Chat) -> list[str]:
        return [
            await press(chat, f"{reply}.1"),
            await submit(chat, f"{reply}.3", {"more": "x"}),
            await press(chat, f"{reply}.1", author="ben"),
        ]

    assert await opened(use) == [
        "ann echoes {'word': 'two'}",
        "ann echoes {'more': 'x', 'word': 'form'}",
        NO_CONTROL,
    ]


async def test_an_adapter_finds_out_that_a_control_is_a_form(chat: Chat) -> None:
    await chat.ask("/private")
    store: Store = chat.app.parts.store
    assert isinstance(store, MemoryStore)
    controls = StoredControls(store)
    assert await controls.find(HERE, f"{reply_of(chat)}.3") == PARTS[3]
    assert await controls.find(HERE, f"{reply_of(chat)}.3", by=Person(id="ben")) is None
