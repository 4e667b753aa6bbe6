"""Strikes and time-outs as people and operators meet them."""

from __future__ import annotations

import pytest

from rostra.storage.memory import MemoryStore
from rostra.testing.chats import chatting
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ListModerator
from rostra_moderation.commands.office import number_of, person_of

BIRDS = ListModerator(words={"heron": "hate"})
TWO = {"default": {"strikes": {"limit": 2, "timeout": [5, 60]}}}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock=clock)


async def test_who_goes_on_asking_for_harm_is_told_once_and_then_gets_no_answer(
    store: MemoryStore, clock: ManualClock
) -> None:
    async with chatting(BIRDS, policies=TWO, store=store, clock=clock) as chat:
        for _ in range(2):
            await chat.ask("heron")
        told = await chat.ask("hello?")
        assert "about 5 minutes" in told
        assert [await chat.ask("hello?") for _ in range(3)] == ["", "", ""]
        assert await chat.ask("hello?", author="ben") == "hello?"
        await clock.advance(300)
        assert await chat.ask("hello?") == "hello?"
        for _ in range(2):
            await chat.ask("heron")
        assert "about 60 minutes" in await chat.ask("hello?")


async def test_nothing_counts_where_the_policy_does_not_say_so(
    store: MemoryStore, clock: ManualClock
) -> None:
    async with chatting(BIRDS, store=store, clock=clock) as chat:
        for _ in range(5):
            await chat.ask("heron")
        assert await chat.ask("hello?") == "hello?"
        assert await chat.operate("/strikes show") == "Nobody has strikes here."


async def test_operators_see_strikes_and_forgive_them(store: MemoryStore, clock: ManualClock) -> None:
    async with chatting(BIRDS, policies=TWO, store=store, clock=clock) as chat:
        await chat.ask("heron")
        assert "ann: 1 strikes count, of 2 allowed." in await chat.operate("/strikes show ann")
        await chat.ask("heron")
        assert "In time-out until 2026-01-01 00:05 UTC." in await chat.operate("/strikes show @ann")
        listed = await chat.operate("/strikes show")
        assert [line.split()[2:5] for line in listed.splitlines()[1:]] == [
            ["ann", "timeout", "strikes"],
            ["ann", "strike", "hate"],
            ["ann", "strike", "hate"],
        ]
        assert "is forgiven" in await chat.insist("/strikes pardon <@ann>")
        assert await chat.ask("hello?") == "hello?"
        assert await chat.operate("/strikes show nobody") == "nobody has no strikes here."
    done = [(one.action, "bot" if one.actor is None else one.actor.id) for one in store.changes]
    assert done == [("strike", "bot"), ("strike", "bot"), ("timeout", "bot"), ("pardon", "olga")]


async def test_a_pardon_for_some_hours_covers_what_comes(store: MemoryStore, clock: ManualClock) -> None:
    async with chatting(BIRDS, policies=TWO, store=store, clock=clock) as chat:
        assert "Nothing counts for 2 hours." in await chat.insist("/strikes pardon ann 2")
        for _ in range(4):
            await chat.ask("heron")
        assert await chat.ask("hello?") == "hello?"
        assert "Pardoned until 2026-01-01 02:00 UTC" in await chat.operate("/strikes show ann")


async def test_operators_send_somebody_out_by_hand(store: MemoryStore, clock: ManualClock) -> None:
    async with chatting(BIRDS, store=store, clock=clock) as chat:
        said = await chat.insist("/strikes timeout <@ann> 90")
        assert said == ("ann gets no answers here until 2026-01-01 01:30 UTC. `/strikes pardon ann` ends it.")
        assert "about 90 minutes" in await chat.ask("hello?")
        assert await chat.ask("hello?", channel="lounge") == ""


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/strikes timeout ann soon", "'soon' is no number of minutes"),
        ("/strikes timeout ann -1", "'-1' is no number of minutes"),
        ("/strikes timeout ann nan", "'nan' is no number of minutes"),
        ("/strikes timeout ann 1e99", "'1e99' is no number of minutes"),
        ("/strikes pardon ann never", "'never' is no number of hours"),
        ("/strikes pardon @", "names nobody"),
        ("/strikes pardon", "/strikes pardon PERSON [HOURS]"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_would_be_right(
    store: MemoryStore, clock: ManualClock, line: str, answer: str
) -> None:
    async with chatting(BIRDS, policies=TWO, store=store, clock=clock) as chat:
        assert answer in await chat.operate(line)
    assert list(store.changes) == []


async def test_who_is_no_operator_forgives_nobody(store: MemoryStore, clock: ManualClock) -> None:
    async with chatting(BIRDS, policies=TWO, store=store, clock=clock) as chat:
        for line in ("/strikes show", "/strikes pardon ann", "/strikes timeout ben 5"):
            assert "is for operators" in await chat.ask(line)
    assert list(store.changes) == []


@pytest.mark.parametrize("text", ["<@123>", "<@!123>", "<@123|ann>", "@123", " 123 "])
def test_people_are_named_as_platforms_mention_them(text: str) -> None:
    assert person_of(text).id == "123"


def test_numbers_are_positive_and_finite() -> None:
    assert number_of("1.5", "hours") == 1.5
    with pytest.raises(ValueError, match="no number of hours"):
        number_of("inf", "hours")
