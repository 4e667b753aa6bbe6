"""Operators look at what was flagged or held back, and what they decide is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from rostra.places import Place
from rostra.storage.memory import MemoryStore
from rostra.testing.chats import OWNER, Chat, chatting
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ListModerator
from rostra.testing.samples import NOON, question
from rostra.testing.stores import answered
from rostra.views import Buttons, File
from rostra_moderation.calibrate import read

BIRDS = ListModerator(words={"heron": "hate", "crane": "spam", "cut myself": "self-harm"})
QUEUE: Mapping[str, Mapping[str, object]] = {
    "default": {
        "categories": {"hate": {"action": "review"}, "spam": {"block": "never"}},
        "strikes": {"limit": 1, "timeout": [5]},
    }
}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=ManualClock())


def buttons(chat: Chat) -> dict[str, str]:
    """Return the buttons of the last view: controls by label."""
    rows = [part for part in chat.view.parts if isinstance(part, Buttons)]
    return {button.label: button.control for row in rows for button in row.buttons}


async def show_newest(chat: Chat) -> str:
    await chat.operate("/review list")
    return await chat.press(next(iter(buttons(chat).values())))


async def test_what_is_held_back_is_told_and_waits_for_an_operator(store: MemoryStore) -> None:
    async with chatting(BIRDS, policies=QUEUE, store=store) as chat:
        assert "I'd like a person to look at this first" in await chat.ask("a heron!")
        await chat.ask("a crane", channel="lounge")
        listed = await chat.operate("/review list")
        assert [line.split("  ")[-1].strip() for line in listed.splitlines()[1:4]] == [
            "a crane",
            "a crane",
            "a heron!",
        ]
        shown = await chat.operate(f"/review show {listed.splitlines()[3].split()[0]}")
    assert "question, block hate 1.00, because of hate >= 0.7, says list" in shown
    assert "asked by ann" in shown
    assert "```\na heron!\n```" in shown


@pytest.mark.parametrize(
    ("label", "said"), [("Approve", "it may pass"), ("Block", "it may not pass"), ("Wrong", "mistaken")]
)
async def test_a_case_is_decided_with_a_button_and_waits_no_more(
    store: MemoryStore, label: str, said: str
) -> None:
    async with chatting(BIRDS, policies=QUEUE, store=store) as chat:
        await chat.ask("a heron!")
        await show_newest(chat)
        assert said in await chat.press(buttons(chat)[label])
        assert await chat.operate("/review list") == "Nothing waits for a decision."
    decided = await store.reviews(None, decided=True)
    assert [(one.label, one.by) for one in decided] == [(label.lower(), "olga")]
    audited = store.changes[0]
    assert (audited.action, audited.actor and audited.actor.id) == (f"review {label.lower()}", "olga")


async def test_what_an_operator_blocks_is_a_strike_and_what_they_approve_is_one_no_more(
    store: MemoryStore,
) -> None:
    async with chatting(BIRDS, policies=QUEUE, store=store) as chat:
        await chat.ask("a heron!")
        assert await chat.ask("hello") == "hello"
        await show_newest(chat)
        controls = buttons(chat)
        assert "That leads to a time-out until 2026-01-01 00:05 UTC." in await chat.press(controls["Block"])
        assert "break" in await chat.ask("hello")
        assert "The strike for it is forgiven." in await chat.press(controls["Wrong"])
        assert await chat.ask("hello again") == "hello again"


async def test_who_speaks_of_harming_themselves_gets_no_strike_from_a_review(store: MemoryStore) -> None:
    table = {**QUEUE["default"], "queue": ["block"]}
    async with chatting(BIRDS, policies={"default": table}, store=store) as chat:
        await chat.ask("I want to cut myself")
        await show_newest(chat)
        await chat.press(buttons(chat)["Block"])
        assert await chat.ask("are you there?") == "are you there?"


async def test_a_button_does_nothing_for_who_is_no_operator(store: MemoryStore) -> None:
    async with chatting(BIRDS, policies=QUEUE, store=store) as chat:
        await chat.ask("a heron!")
        await show_newest(chat)
        for control in buttons(chat).values():
            assert "This control is no longer valid." in await chat.press(control, author="ann")
        assert "is for operators" in await chat.ask("/review list")
    assert len(await store.reviews(None)) == 1


async def test_operators_see_their_own_workspace_and_owners_all(store: MemoryStore) -> None:
    event = question("far away", place=Place(adapter="fake", workspace="other", channel="x"))
    reply = await answered(store, event)
    from rostra.testing.dockets import case

    id_ = await store.queue(event, reply.id, case("far away"))
    async with chatting(BIRDS, policies=QUEUE, store=store) as chat:
        assert await chat.operate("/review list") == "Nothing waits for a decision."
        assert "only owners" in await chat.operate("/review list all")
        for line in (
            f"/review show {id_}",
            f"/review block {id_}",
            "/review show 00000000",
            "/review show x",
        ):
            assert "there is no case" in await chat.operate(line)
        assert "far away" in await chat.operate("/review list all", author=OWNER)
        assert "far away" in await chat.operate(f"/review show {id_}", author=OWNER)


async def test_a_text_cannot_break_out_of_its_frame(store: MemoryStore) -> None:
    async with chatting(BIRDS, policies=QUEUE, store=store) as chat:
        await chat.ask("heron ``` @everyone **bold**")
        shown = await show_newest(chat)
    assert shown.count("```") == 2


async def test_what_was_decided_is_handed_over_as_lines_to_calibrate_with(store: MemoryStore) -> None:
    async with chatting(BIRDS, policies=QUEUE, store=store) as chat:
        assert await chat.operate("/review export") == "Nothing has been decided yet."
        for text, label in (("heron one", "Block"), ("heron two", "Wrong")):
            await chat.ask(text, author=label)
            await show_newest(chat)
            await chat.press(buttons(chat)[label])
        await store.purge(NOON - timedelta(days=10_000))
        await chat.operate("/review export")
        file = next(part for part in chat.view.parts if isinstance(part, File))
    lines = [json.loads(line) for line in file.data.decode().splitlines()]
    assert [(line["text"], line["label"], line["review"]) for line in lines] == [
        ("heron two", False, "wrong"),
        ("heron one", ["hate"], "block"),
    ]
    assert [line.harmless for line in read(file.data.decode().splitlines())] == [True, False]


async def test_what_has_expired_is_handed_over_as_figures(store: MemoryStore) -> None:
    async with chatting(BIRDS, policies=QUEUE, store=store) as chat:
        await chat.ask("heron one")
        await show_newest(chat)
        case = buttons(chat)["Block"].split()[-1]
        await chat.press(buttons(chat)["Block"])
        await store.purge(NOON + timedelta(days=10_000))
        assert "there is no case" in await chat.operate(f"/review show {case}")
        assert "The text has expired." in await chat.operate(f"/review show {case}", author=OWNER)
        await chat.operate("/review export")
    left = await store.reviews(None, decided=True)
    from rostra_moderation.commands.review import labelled

    assert list(labelled(left)) == [
        {"label": ["hate"], "categories": {"hate": 1.0}, "direction": "question", "review": "block"}
    ]
