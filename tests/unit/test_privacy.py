"""Everybody sees what is kept of them, takes it with them, takes back what they allowed, and has it erased."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ranking_stand import asking, press

from rostra.feedback import notices
from rostra.places import Person
from rostra.storage import open_store
from rostra.testing.chats import Chat
from rostra.testing.clock import ManualClock
from rostra.views import File


async def ranked(chat: Chat) -> None:
    await chat.ask("/privacy allow train")
    await chat.ask("/rank new 2")
    await chat.ask("/rank vote A > B")


async def test_what_is_kept_is_counted_and_handed_over() -> None:
    async with asking() as chat:
        await ranked(chat)
        await chat.ask("/rank edit Seven minutes, in boiling water.")
        said = await chat.ask("/privacy")
        assert chat.view.private
        assert "2 rankings and 0 thumbs, under a pseudonym." in said
        await chat.ask("/privacy export")
        (file,) = [part for part in chat.view.parts if isinstance(part, File)]
        data = json.loads(file.data)
        assert len(data["judgments"]) == 2
        assert "Seven minutes, in boiling water." in [one["text"] for one in data["texts"]]
        assert {one["scope"] for one in data["consents"]} == {"rate", "train"}
        assert "ann" not in file.data.decode().replace("channel", "")


async def test_others_see_nothing_of_it() -> None:
    async with asking() as chat:
        await ranked(chat)
        assert "0 rankings" in await chat.ask("/privacy", author="ben")


async def test_without_rate_nothing_may_be_trained_on_either() -> None:
    async with asking() as chat:
        await ranked(chat)
        said = await chat.ask("/privacy withdraw rate")
        assert said.startswith("You no longer allow me to keep what you rank")
        store = chat.app.parts.store
        person = await store.pseudonym("fake", Person(id="ann"))
        held = await store.consents(person, chat.platform.place())
        assert [held[scope].granted for scope in ("rate", "train", "publish")] == [False, False, False]


async def test_a_new_notice_asks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking() as chat:
        await ranked(chat)
        monkeypatch.setattr(notices, "VERSION", "2")
        assert (await chat.ask("/rank new 2")).startswith("**Before you rank:**")


@pytest.mark.parametrize("line", ["/privacy allow everything", "/privacy allow", "/privacy forget"])
async def test_what_is_not_there_is_said_to_be_not_there(line: str) -> None:
    async with asking() as chat:
        said = await chat.ask(line)
        assert "store, rate, train, publish" in said or "can show, allow" in said


async def test_consent_goes_on_with_nothing_but_what_asks_for_it() -> None:
    async with asking() as chat:
        said = await chat.ask("/privacy allow rate rank campaign new eggs", author="olga")
        assert said.startswith("Thank you.")
        assert await chat.app.parts.store.campaigns(chat.platform.place()) == []


@pytest.mark.slow
async def test_what_is_erased_is_gone_and_rankings_stay_without_a_name(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_store("", data=tmp_path, clock=clock) as store, asking(store=store, clock=clock) as chat:
        await ranked(chat)
        person = await store.pseudonym("fake", Person(id="ann"))
        asked = await chat.ask("/privacy erase")
        assert "erases everything you wrote that I keep" in asked
        assert await store.account(person) == ("fake", "ann")
        assert (await press(chat, "Confirm")).startswith("Erased: ")
        assert await store.account(person) is None
        said = [one async for one in store.judged()]
        assert len(said) == 1
        assert "0 rankings" in await chat.ask("/privacy")


async def test_the_owner_records_what_is_permitted() -> None:
    async with asking() as chat:
        store, place = chat.app.parts.store, chat.platform.place()
        assert "is for owners" in await chat.operate("/rank permission platform on letter-17")
        assert "no record" in await chat.ask("/rank permission", author="oskar")
        assert "neither on nor off" in await chat.ask("/rank permission workspace yes", author="oskar")
        refused = await chat.insist("/rank permission platform on", author="oskar")
        assert "say where the platform's permission can be read" in refused
        await chat.insist("/rank permission platform on letter 17", author="oskar")
        await chat.insist("/rank permission workspace on", author="oskar")
        permits = await store.permits(place)
        assert {kind: one.granted for kind, one in permits.items()} == {"platform": True, "workspace": True}
        assert permits["platform"].evidence == "letter 17"
        await chat.ask("/rank permission workspace off", author="oskar")
        assert not (await store.permits(place))["workspace"].granted
        (last,) = await store.audited(place, 1)
        assert last.action == "workspace permission off"
