"""What every stage must do, whatever it adds. Subclass `StageContract`, give it your stage, inherit the tests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ..actions import Action, Append, Begin, Capabilities, Emit, Finish
from ..chat import Answerer
from ..events import Message
from ..places import Permission, Person, Place
from ..turns import Stage, Trace, Turn
from .clock import settle
from .platform import EVERYTHING


def a_turn(
    text: str = "hello", *, channel: str = "general", author: str = "ann", can: Capabilities = EVERYTHING
) -> Turn:
    """Return the turn of a message, for tests."""
    person = Person(id=author)
    event = Message(
        id="m1",
        place=Place(adapter="fake", workspace="w", channel=channel),
        author=person,
        text=text,
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return Turn(
        event=event,
        author=person,
        permission=Permission.ASKER,
        reply="r1",
        question=text,
        answerer=Answerer(name="default", model="scripted"),
        capabilities=can,
        trace=Trace(),
    )


class Broke(Exception):
    """Raised by the inner handler of a contract test."""


class StageContract:
    """Harmless turns pass through a stage whole, in order, and with what goes wrong inside of it."""

    @pytest.fixture
    def stage(self) -> Stage:
        """Provide the stage; it must let a harmless question and its harmless answer pass."""
        raise NotImplementedError("provide the stage")

    async def test_the_turn_reaches_the_inner_handler(self, stage: Stage) -> None:
        seen: list[Turn] = []

        async def inner(turn: Turn, emit: Emit) -> None:
            seen.append(turn)

        turn = a_turn()
        await stage(inner)(turn, _ignore)
        assert [(one.question, one.reply, one.event) for one in seen] == [
            (turn.question, turn.reply, turn.event)
        ]

    async def test_an_answer_passes_whole_and_in_order(self, stage: Stage) -> None:
        passed: list[Action] = []

        async def emit(action: Action) -> None:
            passed.append(action)

        await stage(_answer)(a_turn(), emit)
        shown = ""
        for action in passed:
            match action:
                case Begin(text=text):
                    assert shown == ""
                    shown = text
                case Append(text=text):
                    shown += text
                case _:
                    pass
        assert passed
        assert passed[-1] == Finish(reply="r1", text="One. Two. Three.")
        assert "One. Two. Three.".startswith(shown)

    async def test_the_stage_waits_for_what_it_emits(self, stage: Stage) -> None:
        gate = asyncio.Event()

        async def slow(_: Action) -> None:
            await gate.wait()

        running = asyncio.ensure_future(stage(_answer)(a_turn(), slow))
        await settle()
        assert not running.done()
        gate.set()
        await running

    async def test_an_error_inside_comes_out(self, stage: Stage) -> None:
        async def inner(turn: Turn, emit: Emit) -> None:
            raise Broke

        with pytest.raises(Broke):
            await stage(inner)(a_turn(), _ignore)

    async def test_cancelling_the_stage_cancels_the_inner_handler(self, stage: Stage) -> None:
        cancelled = asyncio.Event()

        async def inner(turn: Turn, emit: Emit) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        running = asyncio.ensure_future(stage(inner)(a_turn(), _ignore))
        await settle()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert cancelled.is_set()

    async def test_turns_do_not_mix(self, stage: Stage) -> None:
        said: dict[str, list[str]] = {"a": [], "b": []}

        async def inner(turn: Turn, emit: Emit) -> None:
            await asyncio.sleep(0)
            await emit(Finish(reply=turn.reply, text=f"Fine, {turn.place.channel}."))

        def emit_to(channel: str) -> Emit:
            async def emit(action: Action) -> None:
                assert isinstance(action, Finish)
                said[channel].append(action.text)

            return emit

        handle = stage(inner)
        await asyncio.gather(*(handle(a_turn(channel=name, author=name), emit_to(name)) for name in said))
        assert said == {"a": ["Fine, a."], "b": ["Fine, b."]}


async def _answer(turn: Turn, emit: Emit) -> None:
    await emit(Begin(reply=turn.reply, text="One. "))
    await emit(Append(reply=turn.reply, text="Two. "))
    await emit(Append(reply=turn.reply, text="Three."))
    await emit(Finish(reply=turn.reply, text="One. Two. Three."))


async def _ignore(_: Action) -> None:
    return
