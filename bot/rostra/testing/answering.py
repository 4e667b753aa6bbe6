"""A bot for tests of adapters: it takes events, and performs what a test wants as the answer to each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from uuid_utils import uuid7

from ..actions import Action, Address, Append, Receipt, Typing
from ..clock import Clock, SystemClock
from ..errors import AdapterError, Rejected, StoreError
from ..events import Event, Message
from ..protocols import Accept, Accepted, Adapter, Duplicate
from .contract import Shelf

Answers: TypeAlias = Callable[[Event, str], Iterable[Action]]
"""What to answer an event with, given the reply's id. A generator may do something between two actions."""

ATTEMPTS = 8
"""How often a durable action is tried, and an adapter that fell started again."""


@dataclass(slots=True)
class Bot:
    """What stands behind the adapter in these tests: it takes events and performs what a test wants as answer."""

    adapter: Adapter
    answers: Answers
    clock: Clock = field(default_factory=SystemClock)
    shelf: Shelf = field(default_factory=Shelf)
    gate: asyncio.Event | None = None
    heard: list[Event] = field(default_factory=list[Event])
    replies: dict[str, str] = field(default_factory=dict[str, str])
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    shown: dict[str, Address] = field(default_factory=dict[str, Address])
    failures: list[BaseException] = field(default_factory=list[BaseException])
    answered: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Future[None]] = field(default_factory=list[asyncio.Future[None]])
    run: asyncio.Future[None] = field(init=False)

    def start(self) -> None:
        """Run the adapter."""
        self.run = asyncio.ensure_future(kept_running(self.adapter, self.accept, self.clock))
        self.run.add_done_callback(lambda _: self.changed.set())

    async def accept(self, event: Event) -> Accepted | Duplicate:
        """Take an event, and answer it once this has returned. With a closed ``gate`` it takes until that opens."""
        self.heard.append(event)
        self.changed.set()
        if event.id in self.replies:
            return Duplicate(reply=self.replies[event.id])
        reply = self.replies[event.id] = uuid7().hex
        if self.gate is not None:
            await self.gate.wait()
        self.tasks.append(asyncio.ensure_future(self._answer(event, reply)))
        return Accepted(reply=reply)

    async def _answer(self, event: Event, reply: str) -> None:
        try:
            for action in self.answers(event, reply):
                self.shelf.put(action)
                await self._perform(event, reply, action)
        except Exception as error:  # noqa: BLE001  the test that waits for it raises it again
            self.failures.append(error)
        self.answered += 1
        self.changed.set()

    async def _perform(self, event: Event, reply: str, action: Action) -> None:
        address = self.shown.get(reply) or Address.of(event)
        receipt = await insist(self.adapter, address, action, self.clock)
        self.receipts.append(receipt)
        if receipt.shown:
            self.shown[reply] = replace(address, shown=receipt.shown)

    async def until(self, done: Callable[[], bool]) -> None:
        """Return once ``done``. Raises what an answer, or the adapter, raised."""
        while not done() and not self.failures:
            if self.run.done():
                self.run.result()
            await self.changed.wait()
            self.changed.clear()
        if self.failures:
            raise self.failures[0]

    async def until_answered(self, number: int) -> None:
        """Return once ``number`` events were answered. Raises what an answer, or the adapter, raised."""
        await self.until(lambda: self.answered >= number)

    async def until_heard(self, text: str) -> None:
        """Return once a message with this text was taken. Raises as `until` does."""
        await self.until(
            lambda: any(isinstance(event, Message) and event.text == text for event in self.heard)
        )


async def kept_running(adapter: Adapter, accept: Accept, clock: Clock) -> None:
    """Run ``adapter`` as the bot does: again where its connection fell or an event could not be stored."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await adapter.run(accept)
        except (AdapterError, StoreError) as error:
            await clock.sleep(getattr(error, "retry_after", None) or 1.0)
    return await adapter.run(accept)


async def insist(adapter: Adapter, address: Address, action: Action, clock: Clock) -> Receipt:
    """Perform ``action`` as delivery does: again under the same key where the platform wants to be asked later.

    What is not durable is tried once; an `AdapterError` that says no time, or rejects, is the test's to see.
    """
    for _ in range(ATTEMPTS):
        try:
            return await adapter.perform(address, action, action.reply)
        except Rejected:
            raise
        except AdapterError as error:
            if error.retry_after is None:
                raise
            if isinstance(action, Append | Typing):
                return Receipt(shown=address.shown)
            await clock.sleep(error.retry_after)
    raise AdapterError(f"refused {ATTEMPTS} times: {type(action).__name__}")


async def perform(adapter: Adapter, event: Event, actions: Iterable[Action]) -> Address:
    """Perform ``actions`` one after the other, each with the messages shown so far. Return where they are shown."""
    address = Address.of(event)
    for action in actions:
        receipt = await adapter.perform(address, action, action.reply)
        if receipt.shown:
            address = replace(address, shown=receipt.shown)
    return address
