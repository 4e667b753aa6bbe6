"""What was chosen in a place: from memory where nothing changed, and at once where something did."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from rostra.chat import Answerer
from rostra.command import Commands
from rostra.desk import FrontDesk
from rostra.places import Place
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock
from rostra.testing.stages import a_turn


class Slow(MemoryStore):
    """Answers what it knew when it was asked, once ``opened``."""

    def __init__(self) -> None:
        super().__init__(clock=ManualClock())
        self.opened = asyncio.Event()

    async def choices(self, place: Place) -> Mapping[str, str]:
        found = await super().choices(place)
        await self.opened.wait()
        return found


async def test_what_was_read_before_a_change_is_not_remembered_after_it() -> None:
    store = Slow()
    desk = FrontDesk(
        store=store,
        answerers={"default": Answerer(name="default", model="model")},
        personas={},
        commands=Commands(()),
    )
    turn = a_turn()
    early = asyncio.create_task(desk.chosen(turn.place))
    await asyncio.sleep(0)
    await desk.choose(turn, "answerer", "other")
    store.opened.set()
    await early
    assert await desk.chosen(turn.place) == {"answerer": "other"}


async def test_a_choice_holds_for_the_next_who_asks_in_the_very_same_place() -> None:
    desk = FrontDesk(
        store=MemoryStore(clock=ManualClock()),
        answerers={"default": Answerer(name="default", model="model")},
        personas={},
        commands=Commands(()),
    )
    turn = a_turn()
    assert await desk.chosen(turn.place) == {}
    await desk.choose(turn, "answerer", "other")
    assert await desk.chosen(turn.place) == {"answerer": "other"}
    await desk.choose(turn, "answerer", None)
    assert await desk.chosen(turn.place) == {}
