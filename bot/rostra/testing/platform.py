"""A chat platform in memory, and the adapter that talks to it: what people write, what they then see."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import assert_never

from ..actions import (
    Action,
    Address,
    Append,
    Begin,
    Capabilities,
    Finish,
    Receipt,
    Replace,
    Retract,
    Show,
    Typing,
)
from ..errors import AdapterError
from ..events import Event, Message
from ..places import Person, Place
from ..protocols import Accept, Accepted, Duplicate
from ..views import as_text

EVERYTHING = Capabilities(
    append=True, edit=True, delete=True, nonce=True, buttons=True, forms=True, files=True
)
"""A platform that can do all there is."""


@dataclass(slots=True)
class Shown:
    """A message of the bot, as people see it now."""

    place: Place
    text: str
    question: str


@dataclass(slots=True, kw_only=True)
class FakePlatform:
    """An `rostra.protocols.Adapter` and its platform in one.

    ``say`` puts in what people write; ``seen`` is what they see. Put errors into ``failures`` to have that many calls
    refused; set ``gate`` to hold every call back until the gate opens.
    """

    name: str = "fake"
    capabilities: Capabilities = EVERYTHING
    shown: dict[str, Shown] = field(default_factory=dict[str, Shown])
    calls: list[tuple[Action, str]] = field(default_factory=list[tuple[Action, str]])
    failures: deque[Exception] = field(default_factory=deque[Exception])
    gate: asyncio.Event | None = None
    taken: list[Accepted | Duplicate] = field(default_factory=list[Accepted | Duplicate])
    events: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue[Event | None])
    _keys: dict[str, str] = field(default_factory=dict[str, str])
    _ended: Counter[str] = field(default_factory=Counter[str])
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _said: int = 0
    _sent: int = 0

    def place(self, channel: str = "general") -> Place:
        """Return a place on this platform."""
        return Place(adapter=self.name, workspace="w", channel=channel)

    def message(
        self, text: str, *, channel: str = "general", author: str = "ann", ident: str = ""
    ) -> Message:
        """Return a message that is not sent yet."""
        self._said += 1
        return Message(
            id=ident or f"{channel}-{self._said}",
            place=self.place(channel),
            author=Person(id=author),
            text=text,
            sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def say(self, text: str, *, channel: str = "general", author: str = "ann", ident: str = "") -> Message:
        """Let ``author`` write ``text``."""
        message = self.message(text, channel=channel, author=author, ident=ident)
        self.events.put_nowait(message)
        return message

    def leave(self) -> None:
        """Close the platform once everything said so far was accepted."""
        self.events.put_nowait(None)

    async def run(self, accept: Accept) -> None:
        while (event := await self.events.get()) is not None:
            self.taken.append(await accept(event))

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if self.gate is not None:
            await self.gate.wait()
        self.calls.append((action, key))
        if self.failures:
            raise self.failures.popleft()
        receipt = self._perform(address, action, key)
        if isinstance(action, Finish | Show | Retract):
            self._ended[address.question] += 1
        async with self._changed:
            self._changed.notify_all()
        return receipt

    def seen(self, channel: str = "general") -> Sequence[str]:
        """Return the bot's messages in a channel, oldest first."""
        place = self.place(channel)
        return [message.text for message in self.shown.values() if message.place == place]

    def answers_to(self, question: str) -> Sequence[str]:
        """Return what is shown as an answer to the event with this id."""
        return [message.text for message in self.shown.values() if message.question == question]

    async def answered(self, replies: int = 1) -> None:
        """Return once ``replies`` replies have ended."""
        async with self._changed:
            await self._changed.wait_for(lambda: sum(self._ended.values()) >= replies)

    async def showing(self, text: str) -> None:
        """Return once ``text`` is in some message."""
        async with self._changed:
            await self._changed.wait_for(lambda: any(text in message.text for message in self.shown.values()))

    def _perform(self, address: Address, action: Action, key: str) -> Receipt:
        match action:
            case Begin(text=text):
                return self._send(address, text, key)
            case Append(text=text):
                self._of(address).text += text
            case Replace(text=text):
                self._of(address).text = text
            case Retract(text=text):
                self._retract(address, text)
            case Finish(text=text, buttons=buttons):
                whole = "\n".join(filter(None, [text, " ".join(f"[{button.label}]" for button in buttons)]))
                if not address.shown:
                    return self._send(address, whole, key)
                self._of(address).text = whole
            case Show(view=view):
                return self._send(address, as_text(view), key)
            case Typing():
                pass
            case _:
                assert_never(action)
        return Receipt(shown=address.shown)

    def _retract(self, address: Address, text: str) -> None:
        if text:
            self._of(address).text = text
        else:
            for ref in address.shown:
                del self.shown[ref]

    def _send(self, address: Address, text: str, key: str) -> Receipt:
        ref = self._keys.get(key, "") if self.capabilities.nonce else ""
        if not ref:
            self._sent += 1
            ref = self._keys[key] = f"m{self._sent}"
        self.shown[ref] = Shown(address.place, text, address.question)
        return Receipt(shown=(ref,))

    def _of(self, address: Address) -> Shown:
        if not address.shown or address.shown[0] not in self.shown:
            raise AdapterError(f"no message {address.shown!r} to change")
        return self.shown[address.shown[0]]
