"""Commands that pages run, and what a bot says of how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rostra.actions import Action, Address, Capabilities, Receipt
from rostra.chat import Answerer
from rostra.command import Call, Command, Commands, Option, command
from rostra.config import Permissions
from rostra.delivery.outgoing import Retry
from rostra.desk import FrontDesk
from rostra.errands import Errands, NotAllowed, said
from rostra.errors import AdapterError
from rostra.events import Event
from rostra.lately import Lately
from rostra.places import Permission, Person, Place
from rostra.protocols import Accept, Accepted
from rostra.storage.memory import MemoryStore
from rostra.supervise import keep_running
from rostra.testing.clock import ManualClock
from rostra.vitals import AdapterState, Vitals

HERE = Place(adapter="web", channel="pages")
OLGA = Person(id="olga", roles=frozenset({"operator"}))


@command(
    "turn", help="Turn", options=[Option(name="what", help="", required=True)], permission=Permission.OPERATOR
)
async def turn(call: Call) -> str:
    return f"{call.turn.author.id} turned {call.options['what']} in {call.place.key} as {call.turn.permission.name}"


@command("burn", help="Burn", dangerous="burns it.")
async def burn(call: Call) -> str:
    return "burnt"


@command("tell", help="Tell", options=[Option(name="words", help="", free=True)])
async def tell(call: Call) -> str:
    return call.options.get("words", "nothing")


def errands(*commands: Command) -> Errands:
    known, clock = Commands(commands), ManualClock()
    desk = FrontDesk(
        store=MemoryStore(clock=clock),
        answerers={"default": Answerer(name="default", model="canned")},
        personas={},
        commands=known,
        permissions=Permissions(),
    )
    return Errands(commands=known, desk=desk, clock=clock)


async def ran(
    path: str, options: Mapping[str, str], person: Person = OLGA, *, confirmed: bool = False
) -> str:
    found = errands(turn, burn, tell)
    return said(await found.run(path, options, person=person, place=HERE, confirmed=confirmed))


async def test_a_command_is_run_as_whoever_asks_by_the_permission_that_they_have_there() -> None:
    assert await ran("turn", {"what": "it"}) == "olga turned it in web//pages as OPERATOR"
    with pytest.raises(NotAllowed):
        await ran("turn", {"what": "it"}, Person(id="ann"))
    with pytest.raises(NotAllowed):
        await errands(turn).run(
            "turn", {"what": "it"}, person=OLGA, place=Place(adapter="x", channel="pages")
        )


async def test_what_is_dangerous_is_done_once_it_is_confirmed() -> None:
    with pytest.raises(ValueError, match="confirmed"):
        await ran("burn", {})
    assert await ran("burn", {}, confirmed=True) == "burnt"


async def test_what_is_missing_unknown_or_would_have_to_be_judged_is_refused() -> None:
    for path, options in (("turn", {}), ("nothing", {}), ("tell", {"words": "free"})):
        with pytest.raises(ValueError):
            await ran(path, options)
    assert await ran("tell", {}) == "nothing"
    assert not errands(turn).knows("tell")


def test_an_hour_is_counted_and_then_forgotten() -> None:
    lately = Lately()
    for at in (0.0, 59.0, 61.0, 3599.0):
        lately.add(at, "web", "turn stop")
    lately.add(61.0 + 3540, "web", "tokens prompt", 7)
    assert lately.counts(3601.0) == {("web", "turn stop"): 2, ("web", "tokens prompt"): 7}
    assert lately.counts(3600.0 * 3) == {}


async def test_a_bot_knows_which_of_its_adapters_fell() -> None:
    clock, seen = ManualClock(), list[Mapping[str, AdapterState]]()
    vitals = Vitals(started_at=datetime(2026, 1, 1, tzinfo=UTC), data=Path())

    class Falling:
        name = "fake"
        capabilities = Capabilities()

        async def run(self, accept: Accept) -> None:
            del accept
            seen.append(vitals.adapters)
            if len(seen) == 1:
                raise AdapterError("gone", retry_after=5)

        async def perform(self, address: Address, action: Action, key: str) -> Receipt:
            raise AdapterError("gone")

    async def accept(event: Event) -> Accepted:
        return Accepted(reply=event.id)

    running = asyncio.ensure_future(
        keep_running(Falling(), accept, clock=clock, retry=Retry(), tell=vitals.tell)
    )
    await clock.advance(1)
    assert vitals.adapters == {"fake": "fallen"}
    await clock.advance(60)
    await running
    assert seen == [{"fake": "running"}, {"fake": "running"}]
    assert vitals.adapters == {"fake": "ended"}
