"""How an answer ends that was blocked, whatever its handler is doing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import pytest
from courtroom import (
    BAD,
    FULL,
    Censor,
    Screen,
    moderation,
    refusal,
    run,
    saying,
)
from structlog.testing import capture_logs

from rostra.actions import Action, Append, Begin, Emit, Finish, Retract, Typing
from rostra.errors import StoreError
from rostra.stages.presence import AFTER, presence
from rostra.testing.clock import ManualClock, settle
from rostra.testing.stages import a_turn
from rostra.turns import Turn


async def test_generation_stops_at_once_and_is_cleaned_up() -> None:
    made: list[str] = []
    closed: list[bool] = []

    async def stream() -> AsyncGenerator[str]:
        try:
            for piece in ("Fine. ", "So ", BAD, ". ", "More. ", "And more. "):
                made.append(piece)
                yield piece
        finally:
            closed.append(True)

    async def inner(turn: Turn, emit: Emit) -> None:
        async with aclosing(stream()) as pieces:
            async for piece in pieces:
                await emit(Append(reply=turn.reply, text=piece))

    actions, _ = await run(moderation(Censor()), inner)
    assert isinstance(actions[-1], Retract)
    assert closed == [True]
    assert "And more. " not in made


async def test_a_handler_that_catches_everything_cannot_go_on_after_a_block() -> None:
    attempts = 0

    async def inner(turn: Turn, emit: Emit) -> None:
        nonlocal attempts
        with suppress(asyncio.CancelledError):
            await saying(BAD)(turn, emit)
        for action in (
            Append(reply="r1", text="still here. "),
            Typing(reply="r1"),
            Finish(reply="r1", text="done"),
        ):
            attempts += 1
            await emit(action)

    actions, _ = await run(moderation(Censor()), inner)
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]
    assert attempts == 1


async def test_a_handler_that_emits_from_other_tasks_ends_like_any() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        await asyncio.gather(saying(BAD)(turn, emit))

    actions, _ = await run(moderation(Censor()), inner)
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]


async def test_a_turn_that_is_cancelled_while_it_refuses_stays_cancelled() -> None:
    async def slow(action: Action) -> None:
        await asyncio.Event().wait()

    running = asyncio.ensure_future(moderation(Censor()).stage(saying(BAD))(a_turn(can=FULL), slow))
    await settle()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_a_handler_stumbles_over_after_a_block_is_logged_without_its_words() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        try:
            await saying(BAD)(turn, emit)
        finally:
            raise RuntimeError(BAD)

    with capture_logs() as logs:
        actions, _ = await run(moderation(Censor()), inner)
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]
    assert [entry["error"] for entry in logs] == ["RuntimeError"]
    assert BAD not in repr(logs)


async def test_signals_of_typing_pass_and_end_with_the_answer() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        await clock.sleep(2 * AFTER)
        await saying("Fine. ", BAD)(turn, emit)

    clock = ManualClock()
    passing = asyncio.ensure_future(clock.advance(2 * AFTER))
    actions, _ = await run(moderation(Censor(), clock=clock), presence(clock)(inner))
    assert actions == [
        Typing(reply="r1"),
        Finish(reply="r1", text=refusal("hate"), ending="content_filter"),
    ]
    await passing


async def test_an_error_inside_keeps_what_was_judged_in_the_trace() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="One. Two. "))
        raise ValueError

    turn = a_turn(can=FULL)
    with pytest.raises(ValueError, match=r"^$"):
        await moderation(Censor()).stage(inner)(turn, Screen().emit)
    assert [dict(step.facts)["direction"] for step in turn.trace.steps] == ["question", "answer"]


async def test_a_refusal_that_cannot_be_shown_is_not_forgotten() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        for _ in range(2):
            try:
                await saying(BAD)(turn, emit)
            except StoreError:
                continue

    screen = Screen(fails=StoreError("full"))
    with pytest.raises(StoreError, match="full"):
        await moderation(Censor()).stage(inner)(a_turn(can=FULL), screen.emit)
