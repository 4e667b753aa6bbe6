from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from rostra.storage.memory import Bounds, MemoryStore
from rostra.testing.clock import ManualClock
from rostra.testing.samples import ANN, ROOM, question
from rostra.testing.stores import accepted, answered


async def test_finished_turns_are_forgotten_beyond_a_limit_and_unfinished_ones_never() -> None:
    store = MemoryStore(clock=ManualClock(), bounds=Bounds(done=2))
    waiting = await accepted(store, question())
    done = [await answered(store, question()) for _ in range(4)]
    kept = [reply.id for reply in done if await store.entry(reply.id) is not None]
    assert kept == [done[2].id, done[3].id]
    assert [entry.reply.id for entry in await store.unfinished()] == [waiting.id]


async def test_places_are_forgotten_that_were_silent_the_longest() -> None:
    store = MemoryStore(clock=ManualClock(), bounds=Bounds(places=2))
    first, second, third = (replace(ROOM, channel=str(number)) for number in range(3))
    await answered(store, question(place=first))
    await answered(store, question(place=second))
    await store.recall(first, 1)
    await answered(store, question(place=third))
    assert [len(await store.recall(place, 10)) for place in (first, second, third)] == [2, 0, 2]


async def test_choices_are_bounded_too_but_not_by_what_is_said() -> None:
    store = MemoryStore(clock=ManualClock(), bounds=Bounds(places=2))
    places = [replace(ROOM, channel=str(number)) for number in range(3)]
    await store.choose(places[0], "persona", "sage")
    for place in places:
        await answered(store, question(place=place))
    assert await store.choices(places[0]) == {"persona": "sage"}
    await store.choose(places[1], "persona", "sage")
    await store.choose(places[2], "persona", "sage")
    assert await store.choices(places[0]) == {}


async def test_each_place_keeps_so_many_utterances_and_explanations() -> None:
    store = MemoryStore(clock=ManualClock(), bounds=Bounds(utterances=4, explanations=2))
    replies = [await answered(store, question(str(number))) for number in range(5)]
    assert [one.text for one in await store.recall(ROOM, 10)] == ["3", "because.", "4", "because."]
    assert await store.explanation(ROOM, replies[2].id) is None
    assert await store.explanation(ROOM, replies[3].id) is not None


async def test_what_is_purged_is_what_was_done_before() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    old = await answered(store, question("old?"))
    await clock.advance(60)
    young = await answered(store, question("young?"))
    assert await store.purge(clock.now() - timedelta(seconds=30)) == 4
    assert await store.entry(old.id) is None
    assert await store.entry(young.id) is not None
    assert [one.text for one in await store.recall(ROOM, 10)] == ["young?", "because."]
    assert await store.explanation(ROOM, old.id) is None


async def test_changes_are_logged_in_order_with_their_time() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    await store.audit(ANN, "choose persona", ROOM.key, {"value": "sage"})
    await store.audit(None, "purge", "all", {})
    assert [(change.actor, change.action) for change in store.changes] == [
        (ANN, "choose persona"),
        (None, "purge"),
    ]
    assert store.changes[0].at == clock.now()
