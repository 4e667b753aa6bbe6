"""A bot for tests of adapters: it takes events, and performs what a test wants as the answer to each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ..actions import Action, Address, Receipt
from ..events import Event
from ..protocols import Accepted, Adapter, Duplicate

Answers: TypeAlias = Callable[[Event, str], Sequence[Action]]


@dataclass(slots=True)
class Bot:
    """What stands behind the adapter in these tests: it takes events and performs what a test wants as answer."""

    adapter: Adapter
    answers: Answers
    heard: list[Event] = field(default_factory=list[Event])
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    failures: list[BaseException] = field(default_factory=list[BaseException])
    answered: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Future[None]] = field(default_factory=list[asyncio.Future[None]])
    run: asyncio.Future[None] = field(init=False)

    def start(self) -> None:
        """Run the adapter."""
        self.run = asyncio.ensure_future(self.adapter.run(self.accept))
        self.run.add_done_callback(lambda _: self.changed.set())

    async def accept(self, event: Event) -> Accepted | Duplicate:
        """Take an event, and answer it once this has returned."""
        self.heard.append(event)
        reply = f"reply-{len(self.heard)}"
        self.tasks.append(asyncio.ensure_future(self._answer(event, reply)))
        return Accepted(reply=reply)

    async def _answer(self, event: Event, reply: str) -> None:
        try:
            await perform(self.adapter, event, self.answers(event, reply), into=self.receipts)
        except Exception as error:  # noqa: BLE001  the test that waits for it raises it again
            self.failures.append(error)
        self.answered += 1
        self.changed.set()

    async def until_answered(self, number: int) -> None:
        """Return once ``number`` events were answered. Raises what an answer, or the adapter, raised."""
        while self.answered < number and not self.failures:
            if self.run.done():
                self.run.result()
            await self.changed.wait()
            self.changed.clear()
        if self.failures:
            raise self.failures[0]


async def perform(
    adapter: Adapter, event: Event, actions: Sequence[Action], *, into: list[Receipt] | None = None
) -> None:
    """Perform ``actions`` as delivery does: one after the other, each with the messages shown so far."""
    address = Address.of(event)
    for action in actions:
        receipt = await adapter.perform(address, action, action.reply)
        if into is not None:
            into.append(receipt)
        if receipt.shown:
            address = Address(
                place=address.place, question=address.question, extra=address.extra, shown=receipt.shown
            )
