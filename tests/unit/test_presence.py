"""Typing signals: for answers that take a while, and for nothing else."""

from __future__ import annotations

import asyncio

from rostra.actions import Action, Begin, Capabilities, Emit, Finish, Typing
from rostra.stages.presence import AFTER, EVERY, presence
from rostra.testing.clock import ManualClock, settle
from rostra.testing.stages import a_turn
from rostra.turns import Turn

TYPES = Capabilities(edit=True, typing=True)


async def test_an_answer_that_comes_at_once_starts_no_task() -> None:
    tasks: list[int] = []

    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Finish(reply=turn.reply, text="Fine."))
        tasks.append(len(asyncio.all_tasks()))

    actions: list[Action] = []
    before = len(asyncio.all_tasks())
    await presence(ManualClock())(inner)(a_turn(can=TYPES), _into(actions))
    assert actions == [Finish(reply="r1", text="Fine.")]
    assert tasks == [before]


async def test_signals_come_after_half_a_second_and_every_few_then_until_there_is_text() -> None:
    clock, actions = ManualClock(), list[Action]()

    async def inner(turn: Turn, emit: Emit) -> None:
        await clock.sleep(AFTER + 1.5 * EVERY)
        await emit(Begin(reply=turn.reply, text="At last"))
        await clock.sleep(10 * EVERY)
        await emit(Finish(reply=turn.reply, text="At last."))

    answering = asyncio.ensure_future(presence(clock)(inner)(a_turn(can=TYPES), _into(actions)))
    await settle()
    await clock.advance(AFTER - 0.1)
    assert actions == []
    await clock.advance(20 * EVERY)
    await answering
    typing = Typing(reply="r1")
    assert actions == [
        typing,
        typing,
        Begin(reply="r1", text="At last"),
        Finish(reply="r1", text="At last."),
    ]


async def test_what_has_begun_to_show_and_waits_needs_no_signal() -> None:
    clock, actions = ManualClock(), list[Action]()

    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="A"))
        await clock.sleep(3 * EVERY)
        await emit(Finish(reply=turn.reply, text="A."))

    answering = asyncio.ensure_future(presence(clock)(inner)(a_turn(can=TYPES), _into(actions)))
    await settle()
    await clock.advance(4 * EVERY)
    await answering
    assert actions == [Begin(reply="r1", text="A"), Finish(reply="r1", text="A.")]


def _into(actions: list[Action]) -> Emit:
    async def emit(action: Action) -> None:
        actions.append(action)

    return emit
