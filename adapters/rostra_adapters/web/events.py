"""Changes of a conversation as server-sent events, from where a page left off.

Source: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web

from rostra.talks import Talk

from .chat import Chat
from .feed import Channel
from .guard import Refused, secured
from .signin import Visit

HEARTBEAT = 15.0
"""Seconds without a change after which a page hears that the line is alive, and it is looked whether it is still its reader's."""
RETRY = 2_000
"""Milliseconds that a browser waits before it comes back."""
WHOLE = frozenset({"asked", "answer", "after"})
"""Changes that say all that stands then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The handler of the stream of changes."""

    chat: Chat
    _open: Counter[str] = field(default_factory=Counter[str])

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes, without the guard that they need."""
        return (web.get("/chat/{talk:[0-9a-f]{32}}/events", self._events),)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        chat = self.chat
        visit = await chat.visitor(request)
        talk = await chat.talk_of(request, visit)
        who = visit.account.id
        if self._open[who] >= chat.settings.streams_per_person:
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, seconds=5.0)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        secured(request, response)
        mark = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        channel, listener = chat.page.feed.channel(talk.id), asyncio.Event()
        self._open[who] += 1
        channel.listeners.add(listener)
        try:
            await response.prepare(request)
            await response.write(f"retry: {RETRY}\n\n".encode())
            with suppress(ConnectionError):
                await self._pass_on(_Line(response, talk, visit, mark), channel, listener)
        finally:
            channel.listeners.discard(listener)
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
        return response

    async def _pass_on(self, line: _Line, channel: Channel, listener: asyncio.Event) -> None:
        chat = self.chat
        number = chat.page.feed.number(line.mark)
        while not chat.page.feed.closed:
            listener.clear()
            changes = None if number is None else channel.since(number)
            if changes is None:
                number = await self._everything(line, channel)
            else:
                for number, kind, what in changes:
                    await line.write(chat.page.feed.mark(line.talk.id, number), kind, what)
            if not await self._changed(listener):
                await line.response.write(b":\n\n")
                if await chat.sign_in.visit_of(line.visit.token) is None:
                    await line.write("", "over", {})
                    return

    async def _everything(self, line: _Line, channel: Channel) -> int:
        html, before, number = await self.chat.shown(line.talk)
        meanwhile = channel.since(before) or ()
        mark = self.chat.page.feed.mark(line.talk.id, number)
        await line.write(mark, "all", {"html": html})
        for at, kind, what in meanwhile:
            if at <= number and kind in WHOLE and what.get("state") != "writing":
                await line.write(mark, kind, what)
        return number

    async def _changed(self, listener: asyncio.Event) -> bool:
        with suppress(TimeoutError):
            async with self.chat.clock.timeout(HEARTBEAT):
                await listener.wait()
                return True
        return False


@dataclass(frozen=True, slots=True)
class _Line:
    """One page that listens."""

    response: web.StreamResponse
    talk: Talk
    visit: Visit
    mark: str

    async def write(self, mark: str, kind: str, what: Mapping[str, Any]) -> None:
        data = json.dumps(what, ensure_ascii=True, separators=(",", ":"))
        await self.response.write(f"id: {mark}\nevent: {kind}\ndata: {data}\n\n".encode())
