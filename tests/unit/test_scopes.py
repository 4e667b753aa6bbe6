"""Choices for a thread go before those for its channel, and those before the workspace's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rostra.actions import Show
from rostra.chat import Answerer
from rostra.command import Commands
from rostra.desk import FrontDesk
from rostra.places import Place
from rostra.routes import Route, Routes
from rostra.scopes import around, at, scope_of, usual
from rostra.storage.memory import MemoryStore
from rostra.testing.chats import OPERATOR, Chat, chatting
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ScriptedModel
from rostra.testing.stages import a_turn
from rostra.views import as_text

CHANNEL = Place(adapter="fake", workspace="w", channel="general")
THREAD = replace(CHANNEL, thread="t")
ALONE = Place(adapter="fake", channel="dm")


async def say(chat: Chat, text: str, place: Place, *, author: str = OPERATOR) -> str:
    return await chat.happen(replace(chat.platform.message(text, author=author), place=place))


async def system(chat: Chat, place: Place) -> str:
    """Return what the model is told to be in ``place``."""
    await say(chat, "hello", place)
    model = chat.app.parts.models["scripted"]
    assert isinstance(model, ScriptedModel)
    return model.asked[-1][0].text


def test_the_scopes_around_a_place() -> None:
    assert [scope for scope, _ in around(THREAD)] == ["workspace", "channel", "thread"]
    assert [scope for scope, _ in around(ALONE)] == ["channel"]
    assert at(THREAD, "workspace") == Place(adapter="fake", workspace="w", channel="")
    assert at(THREAD, "channel") == CHANNEL
    assert at(THREAD, "thread") == THREAD
    for place, scope in ((CHANNEL, "thread"), (ALONE, "workspace")):
        with pytest.raises(ValueError, match=f"there is no {scope} here"):
            at(place, scope_of(scope))
    with pytest.raises(ValueError, match="'planet' is no scope"):
        scope_of("planet")


def test_a_thread_without_a_workspace_is_a_conversation_of_its_own() -> None:
    assert [usual(place) for place in (CHANNEL, THREAD, ALONE)] == ["channel"] * 3
    assert usual(replace(ALONE, thread="t")) == "thread"


async def test_what_is_chosen_for_less_goes_before_what_is_chosen_for_more() -> None:
    async with chatting() as chat:
        await say(chat, "/persona pirate workspace", CHANNEL)
        assert "pirate" in await system(chat, replace(CHANNEL, channel="other"))
        assert await say(chat, "/persona tutor", CHANNEL) == (
            "From now on I am `tutor` here. `/reset` makes me forget what I said before."
        )
        assert "tutor" in await system(chat, THREAD)
        said = await say(chat, "/persona assistant thread", THREAD)
        assert "From now on I am `assistant` in this thread." in said
        assert "helpful assistant" in await system(chat, THREAD)
        assert "tutor" in await system(chat, CHANNEL)
        said = await say(chat, "/persona pirate", THREAD)
        assert "here, but `assistant` still holds right here: it was chosen for less than that" in said
        await say(chat, "/persona default thread", THREAD)
        assert "pirate" in await system(chat, THREAD)


async def test_going_back_to_the_default_leaves_what_holds_for_more() -> None:
    async with chatting() as chat:
        await say(chat, "/persona pirate workspace", CHANNEL)
        said = await say(chat, "/persona default", CHANNEL)
        assert "but `pirate` still holds right here: it was chosen for more than that" in said


async def test_nothing_reaches_another_workspace() -> None:
    async with chatting() as chat:
        await say(chat, "/persona pirate workspace", CHANNEL)
        assert "pirate" not in await system(chat, replace(CHANNEL, workspace="x"))
        assert "pirate" not in await system(chat, ALONE)
        assert "there is no workspace here" in await say(chat, "/persona pirate workspace", ALONE)


async def test_a_whole_workspace_is_for_operators() -> None:
    async with chatting() as chat:
        said = await say(chat, "/persona pirate workspace", CHANNEL, author="ann")
        assert "`/persona NAME workspace` is for operators" in said
        assert "pirate" not in await system(chat, CHANNEL)


async def test_a_route_is_a_reason_and_a_choice_that_is_gone_is_none() -> None:
    desk = FrontDesk(
        store=MemoryStore(clock=ManualClock()),
        answerers={
            "default": Answerer(name="default", model="m"),
            "small": Answerer(name="small", model="n", persona="tutor"),
        },
        personas={"tutor": "You are a tutor."},
        commands=Commands([]),
        routes=Routes([Route(place="fake/w/*", answerer="small", policy="strict")]),
    )

    async def holding() -> dict[str, tuple[str, str]]:
        return {one.name: (one.value, one.why) for one in await desk.holding(CHANNEL)}

    routed = "`[[routes]]` for `fake/w/*`"
    assert await holding() == {
        "answerer": ("small", routed),
        "model": ("n", "of the answerer `small`"),
        "persona": ("tutor", "of the answerer `small`"),
        "policy": ("strict", routed),
    }
    for name in ("answerer", "persona"):
        await desk.choose(a_turn(), name, "long gone")
    assert (await holding())["answerer"] == ("small", routed)
    assert (await holding())["persona"] == ("tutor", "of the answerer `small`")
    await desk.choose(a_turn(), "answerer", "default", "workspace")
    await desk.choose(a_turn(), "answerer", None, "channel")
    assert (await holding())["answerer"] == ("default", "chosen for this workspace")


async def test_settings_say_what_holds_and_why() -> None:
    async with chatting() as chat:
        await say(chat, "/persona pirate workspace", CHANNEL)
        await say(chat, "/persona tutor thread", THREAD)
        shown = [await say(chat, "/rostra settings", place) for place in (THREAD, CHANNEL, ALONE)]
        assert all(isinstance(action, Show) and action.view.private for action, _ in chat.platform.calls[-1:])
    thread, channel, alone = (
        {line.split()[0]: " ".join(line.split()[1:]) for line in one.splitlines() if line} for one in shown
    )
    assert thread["persona"] == "tutor chosen for this thread"
    assert channel["persona"] == "pirate chosen for this workspace"
    assert alone["persona"] == "assistant of the answerer `default`"
    assert alone["answerer"] == "default the configuration's default"
    assert alone["policy"] == "default the configuration's default"
    assert "You are operator here." in as_text(chat.view)
