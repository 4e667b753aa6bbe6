"""The Slack adapter alone against the test server: what it hands over, and what it makes of actions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rostra.actions import Action, Address
from rostra.clock import Clock
from rostra.command import Commands
from rostra.commands.stop import stop
from rostra.components import Services
from rostra.events import Event
from rostra.protocols import Accepted
from rostra.storage.memory import MemoryStore
from rostra.stores import Store
from rostra.testing.contract import Shelf
from rostra.testing.slack_server import SlackServer
from rostra_adapters.slack import component
from rostra_adapters.slack.adapter import Slack


@dataclass(slots=True, kw_only=True)
class Stand:
    """An adapter, what it handed over, and what `accept` does: wait at ``gate``, raise ``error``."""

    slack: Slack
    heard: list[Event] = field(default_factory=list[Event])
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None
    error: Exception | None = None

    async def accept(self, event: Event) -> Accepted:
        self.heard.append(event)
        self.changed.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Accepted(reply=f"{len(self.heard):032x}")

    async def event(self, number: int = 1) -> Event:
        """Return what was handed over as the ``number``-th."""
        async with asyncio.timeout(5):
            while len(self.heard) < number:
                self.changed.clear()
                await self.changed.wait()
        return self.heard[number - 1]

    async def perform(self, address: Address, *actions: Action) -> Address:
        """Perform actions as delivery does, and return the address with what is shown."""
        for action in actions:
            receipt = await self.slack.perform(address, action, action.reply)
            if receipt.shown:
                address = Address(
                    place=address.place, question=address.question, extra=address.extra, shown=receipt.shown
                )
        return address


def services(folder: Path, clock: Clock, store: Store | None = None, shelf: Shelf | None = None) -> Services:
    return Services(
        name="slack",
        data=folder,
        base=folder,
        clock=clock,
        store=store,
        controls=shelf or Shelf(),
        commands=Commands([stop]),
    )


@asynccontextmanager
async def opened(
    folder: Path, server: SlackServer, *, shelf: Shelf | None = None, **settings: Any
) -> AsyncGenerator[Stand]:
    """Open the adapter without running it."""
    given = {"api": server.api, "bot_token": server.bot_token, "app_token": server.app_token, **settings}
    made = component.settings.model_validate({name: value for name, value in given.items() if value})
    store = MemoryStore(clock=server.world.clock)
    async with component.open(made, services(folder, server.world.clock, store, shelf)) as slack:
        assert isinstance(slack, Slack)
        yield Stand(slack=slack)


@asynccontextmanager
async def running(folder: Path, server: SlackServer, **settings: Any) -> AsyncGenerator[Stand]:
    """Run the adapter; over HTTP the server posts to it."""
    async with opened(folder, server, **settings) as stand:
        run = asyncio.ensure_future(stand.slack.run(stand.accept))
        try:
            if stand.slack.office.settings.mode == "http":
                async with asyncio.timeout(5):
                    await stand.slack.bound.wait()
                server.deliver_to(f"{stand.slack.url}/events")
            yield stand
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
