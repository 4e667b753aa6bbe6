"""The page as a chat platform: what people send becomes events, and what is performed becomes changes of pages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import assert_never

from rostra.actions import (
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
from rostra.events import Event
from rostra.protocols import Accept, Accepted, Duplicate

from .drawing import Drawing
from .feed import Channel, Feed
from .guard import Refused
from .markdown import Growing
from .shown import ON, QUIET, empty, face_of, in_place, where

CAPABILITIES = Capabilities(
    append=True,
    edit=True,
    delete=True,
    nonce=True,
    buttons=True,
    forms=True,
    files=True,
    typing=True,
    interval=0.08,
)


@dataclass(slots=True, kw_only=True, eq=False)
class Web:
    """The adapter of kind ``web``. Nothing it performs can fail: pages that are not open are made of the store later."""

    name: str
    feed: Feed
    drawing: Drawing
    accept: Accept | None = None
    """What takes events: there while the adapter runs."""

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def run(self, accept: Accept) -> None:
        """Take what people send until cancelled: the server that the page is mounted on brings it."""
        self.accept = accept
        try:
            await asyncio.Event().wait()
        finally:
            self.accept = None

    async def take(self, event: Event) -> Accepted | Duplicate:
        """Have ``event`` accepted. Raises `Refused` while the bot does not run, and `StoreError`."""
        if self.accept is None:
            raise Refused(503)
        return await self.accept(event)

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        del key  # every action says what stands then: doing it twice shows it once
        if QUIET not in address.extra:
            channel = self.feed.channel(address.place.channel)
            if ON in address.extra:
                self._after(channel, address, action)
            else:
                self._answer(channel, address.question, action)
        return Receipt(shown=(action.reply,))

    def _answer(self, channel: Channel, exchange: str, action: Action) -> None:
        match action:
            case Typing():
                return
            case Append():
                live = channel.live.setdefault(action.reply, Growing())
                over = live.grow(action.text)
                channel.publish("grow", {"turn": exchange, "over": over, "tail": live.tail})
                return
            case Begin() | Replace():
                channel.live[action.reply] = Growing(action.text)
            case Retract() | Finish() | Show():
                channel.live.pop(action.reply, None)
            case _:
                assert_never(action)
        face = face_of(action.reply, action, channel.live.get(action.reply))
        what = {"turn": exchange, "state": face.state, "html": self.drawing.answer(face)}
        channel.publish("answer", what)

    def _after(self, channel: Channel, address: Address, action: Action) -> None:
        """Show what came of a control: whole, when it is there, for nobody reads a button's answer as it is written."""
        if isinstance(action, Typing | Begin | Append | Replace) or empty(action):
            return
        face = face_of(action.reply, action)
        place = where(address.extra, in_place=in_place(action))
        what = {"turn": address.extra[ON], "state": face.state, "html": self.drawing.answer(face)}
        channel.publish(place, what)
