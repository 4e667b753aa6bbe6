"""Gather judged pieces into as few changes of the shown reply as the platform puts up with."""

from __future__ import annotations

import asyncio

from ..actions import Action, Append, Begin, Emit, Finish, Replace, Retract, Show, Typing
from ..clock import Clock
from ..turns import Handler, Stage, Turn


def coalesce(clock: Clock) -> Stage:
    """Pass on at most one change in each `Capabilities.interval`, with all the text that came since the last."""

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            if not turn.capabilities.streams or turn.capabilities.interval <= 0:
                await inner(turn, emit)
                return
            gather = _Gather(turn.reply, emit, clock, turn.capabilities.interval)
            try:
                await inner(turn, gather.emit)
            finally:
                await gather.close()

        return handle

    return stage


class _Gather:
    """Holds text back for up to an interval after the last change, then passes it on in one piece."""

    def __init__(self, reply: str, emit: Emit, clock: Clock, interval: float) -> None:
        self._reply = reply
        self._emit = emit
        self._clock = clock
        self._interval = interval
        self._held = ""
        self._changed = -interval
        self._begun = False
        self._later: asyncio.Future[None] | None = None
        self._turn = asyncio.Lock()

    async def emit(self, action: Action) -> None:
        match action:
            case Begin(text=text) | Append(text=text):
                self._held += text
                await self._flush_or_wait()
            case Replace():
                self._held = ""
                async with self._turn:
                    await self._pass(action)
            case Finish() | Retract() | Show():
                self._held = ""
                await self.close()
                await self._emit(action)
            case Typing():
                await self._emit(action)

    async def close(self) -> None:
        """Stop waiting, and pass on what is held: a turn that broke off leaves nothing behind."""
        if self._later is not None:
            self._later.cancel()
            await asyncio.gather(self._later, return_exceptions=True)
            self._later = None
        if self._held or self._turn.locked():
            await self._flush()

    async def _flush_or_wait(self) -> None:
        wait = self._changed + self._interval - self._clock.monotonic()
        if wait <= 0:
            await self._flush()
        elif self._later is None or self._later.done():
            self._later = asyncio.ensure_future(self._flush_after(wait))

    async def _flush_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        await self._flush()

    async def _flush(self) -> None:
        async with self._turn:
            text, self._held = self._held, ""
            if text:
                await self._pass(
                    Append(reply=self._reply, text=text)
                    if self._begun
                    else Begin(reply=self._reply, text=text)
                )

    async def _pass(self, action: Action) -> None:
        self._begun = True
        self._changed = self._clock.monotonic()
        await self._emit(action)
