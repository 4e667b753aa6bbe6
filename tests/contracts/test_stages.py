from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest

from rostra import Moderation, Services, Stage
from rostra.actions import Action, Emit
from rostra.command import Commands
from rostra.components import Component, find
from rostra.controls import StoredControls
from rostra.desk import FrontDesk
from rostra.errors import RostraError
from rostra.refusals import Refusals
from rostra.stages.budget import deadline
from rostra.stages.coalesce import coalesce
from rostra.stages.confirm import Confirmations
from rostra.stages.dispatch import Dispatcher
from rostra.stages.history import remember
from rostra.stages.ignore import ignore
from rostra.stages.limits import Buckets, limit
from rostra.stages.persona import speak_as
from rostra.stages.presence import presence
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ListModerator, NoModeration
from rostra.testing.stages import StageContract
from rostra.turns import Handler, Turn


class TestIgnore(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return ignore


class TestLimits(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        buckets = Buckets(per_minute=60, burst=5)
        return limit(buckets, buckets, clock=ManualClock(), refusals=Refusals())


class TestHistory(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return remember(MemoryStore(clock=ManualClock()))


class TestPersona(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        async def chosen(_: object) -> dict[str, str]:
            return {}

        async def personas(_: object) -> dict[str, str]:
            return {"assistant": "Be kind."}

        return speak_as(personas, chosen)


class TestBudget(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return deadline(5, clock=ManualClock())


class TestPresence(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return presence(ManualClock())


class TestCoalesce(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return coalesce(ManualClock())


class TestDispatch(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        clock = ManualClock()
        store = MemoryStore(clock=clock)
        return Dispatcher(
            commands=Commands([]),
            desk=FrontDesk(store=store, answerers={}, personas={}, commands=Commands([])),
            controls=StoredControls(store),
            confirmations=Confirmations(ledger=store, clock=clock),
            moderation=NoModeration(),
            clock=clock,
            refusals=Refusals(),
        ).stage


class TestModeration(StageContract):
    @pytest.fixture
    async def stage(self, tmp_path: Path) -> AsyncGenerator[Stage]:
        component = cast("Component[Any, Moderation]", find("stages", "moderation", tmp_path))
        services = Services(
            name="moderation",
            data=tmp_path,
            base=tmp_path,
            clock=ManualClock(),
            moderators={"list": ListModerator(words={"bomb": "illicit/violent"})},
        )
        async with component.open(component.settings(), services) as moderation:
            yield moderation.stage


def swallows(inner: Handler) -> Handler:
    async def handle(turn: Turn, emit: Emit) -> None:
        with contextlib.suppress(BaseException):
            await inner(turn, emit)

    return handle


def forgets_the_end(inner: Handler) -> Handler:
    async def handle(turn: Turn, emit: Emit) -> None:
        passed = 0

        async def some(action: Action) -> None:
            nonlocal passed
            passed += 1
            if passed < 3:
                await emit(action)

        await inner(turn, some)

    return handle


def does_not_wait(inner: Handler) -> Handler:
    async def handle(turn: Turn, emit: Emit) -> None:
        async def later(action: Action) -> None:
            started.append(asyncio.ensure_future(emit(action)))

        await inner(turn, later)

    return handle


started: list[object] = []


def mixes_turns(inner: Handler) -> Handler:
    last: list[Turn] = []

    async def handle(turn: Turn, emit: Emit) -> None:
        last.append(turn)
        await asyncio.sleep(0)
        await inner(last[-1], emit)

    return handle


def never_answers(inner: Handler) -> Handler:
    del inner

    async def handle(turn: Turn, emit: Emit) -> None:
        return

    return handle


KIT = [name for name in dir(StageContract) if name.startswith("test_")]


@pytest.mark.parametrize("broken", [swallows, forgets_the_end, does_not_wait, mixes_turns, never_answers])
async def test_the_kit_finds_a_broken_stage(broken: Stage) -> None:
    found: list[str] = []
    for name in KIT:
        try:
            async with asyncio.timeout(1):
                await getattr(StageContract(), name)(broken)
        except (AssertionError, RostraError, TimeoutError, pytest.fail.Exception):
            found.append(name)
    assert found
