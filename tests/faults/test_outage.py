"""A store that refuses: one clear error, nothing that was accepted is lost."""

from __future__ import annotations

import asyncio

import structlog.testing

from rostra import Accepted, Duplicate, StoreError
from rostra.delivery.reply import Reply
from rostra.events import Event
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock, settle
from rostra.testing.fakes import ScriptedModel, bot
from rostra.testing.platform import FakePlatform


class FullDisk(MemoryStore):
    """Refuses to write while it is full."""

    full = False

    async def accept(self, event: Event) -> Accepted | Duplicate:
        if self.full:
            raise StoreError("the disk is full")
        return await super().accept(event)

    async def advance(self, reply: Reply) -> None:
        if self.full:
            raise StoreError("the disk is full")
        await super().advance(reply)


async def test_answers_wait_until_the_store_is_well_and_nothing_is_lost() -> None:
    clock, platform = ManualClock(), FakePlatform()
    store = FullDisk(clock=clock)
    model = ScriptedModel(gate=asyncio.Event())
    with structlog.testing.capture_logs() as logs:
        async with bot(platform, model, clock=clock, store=store) as app:
            running = asyncio.ensure_future(app.run())
            for number in range(9):
                platform.say(f"q{number}", channel=f"c{number}")
            await settle()
            store.full = True
            assert model.gate is not None
            model.gate.set()
            await clock.advance(30)
            assert platform.shown == {}
            store.full = False
            await clock.advance(120)
            await platform.answered(9)
            app.stop()
            await running
    assert sorted(message.text for message in platform.shown.values()) == [
        f"q{number}" for number in range(9)
    ]
    said = [(entry["log_level"], entry["event"]) for entry in logs if "store" in entry["event"]]
    assert said == [
        ("error", "the store refuses; answers wait until it is well"),
        ("warning", "the store is well again"),
    ]


async def test_an_event_that_could_not_be_stored_is_not_acknowledged() -> None:
    clock, platform = ManualClock(), FakePlatform()
    store = FullDisk(clock=clock)
    store.full = True
    async with bot(platform, ScriptedModel(), clock=clock, store=store) as app:
        running = asyncio.ensure_future(app.run())
        platform.say("hi", ident="e1")
        await settle()
        assert platform.taken == []
        store.full = False
        platform.say("hi", ident="e1")  # the platform sends it again
        await clock.advance(60)
        await platform.answered()
        app.stop()
        await running
    assert platform.seen() == ["hi"]
