from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from rostra import Append, Begin, Capabilities, Emit, Finish, Replace, Retract, Turn
from rostra.actions import Action
from rostra.stages.coalesce import coalesce
from rostra.testing.clock import ManualClock, settle
from rostra.testing.stages import a_turn

SLOW = Capabilities(append=True, edit=True, interval=1.0)


class Model:
    """Emits pieces when told to."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[Action | None] = asyncio.Queue()

    async def __call__(self, turn: Turn, emit: Emit) -> None:
        while (action := await self.asked.get()) is not None:
            await emit(action)


class Seen(list[Action]):
    async def emit(self, action: Action) -> None:
        self.append(action)


async def play(clock: ManualClock, steps: Sequence[Action | float | int]) -> Sequence[Action]:
    model, seen = Model(), Seen()
    running = asyncio.ensure_future(coalesce(clock)(model)(a_turn(can=SLOW), seen.emit))
    for step in steps:
        if isinstance(step, float | int):
            await clock.advance(step)
        else:
            model.asked.put_nowait(step)
            await settle()
    model.asked.put_nowait(None)
    await running
    return seen


def begin(text: str) -> Begin:
    return Begin(reply="r1", text=text)


def add(text: str) -> Append:
    return Append(reply="r1", text=text)


FINISH = Finish(reply="r1", text="abcd")


async def test_pieces_of_one_interval_arrive_together() -> None:
    seen = await play(ManualClock(), [begin("a"), add("b"), add("c"), 1.0, add("d"), FINISH])
    assert seen == [begin("a"), add("bc"), FINISH]


async def test_what_is_held_is_passed_on_even_if_nothing_follows() -> None:
    clock = ManualClock()
    seen = await play(clock, [begin("a"), add("b"), 0.5, 0.6])
    assert seen == [begin("a"), add("b")]


async def test_a_turn_that_breaks_off_leaves_nothing_behind() -> None:
    assert await play(ManualClock(), [begin("a"), add("b")]) == [begin("a"), add("b")]


@pytest.mark.parametrize("last", [FINISH, Retract(reply="r1", text="no")])
async def test_the_end_does_not_wait_and_makes_held_text_needless(last: Action) -> None:
    assert await play(ManualClock(), [begin("a"), add("b"), last]) == [begin("a"), last]


async def test_a_replacement_makes_held_text_needless() -> None:
    other = Replace(reply="r1", text="x")
    assert await play(ManualClock(), [begin("a"), add("b"), other, FINISH]) == [begin("a"), other, FINISH]
