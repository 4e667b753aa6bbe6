"""Parts of a page that are drawn anew when what they show has changed, sent as server-sent events while somebody looks.

Each line asks for a mark of what its part shows, every few seconds; only where that is another one, the part is drawn. The
lines end with the adapter, with the session, and when the browser goes.

Source: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from http import HTTPStatus
from typing import TypeAlias

import structlog
from aiohttp import web

from rostra.errors import StoreError

from ..guard import Refused, secured
from .office import Guest, Office

log = structlog.get_logger(__name__)

EVERY = 3.0
"""Seconds between two looks."""
HEARTBEAT = 15.0
"""Seconds after which a page hears that the line is alive, and it is looked whether its reader may still read it."""
RETRY = 3_000
"""Milliseconds that a browser waits before it comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a page as HTML, and what a reader who cannot see it is told: nothing, where that is not worth a word."""

    html: str
    said: str = ""


Look: TypeAlias = Callable[[], Awaitable[str]]
Draw: TypeAlias = Callable[[], Awaitable[Part]]


def mark_of(*shown: object) -> str:
    """Return a mark of what is shown, which tells nothing of it."""
    return blake2b(repr(shown).encode("utf-8", "replace"), digest_size=8).hexdigest()


@dataclass(slots=True, kw_only=True)
class Live:
    """All lines. ``most`` are open for one person at once."""

    office: Office
    most: int
    _open: Counter[str] = field(default_factory=Counter[str])
    _closed: asyncio.Event = field(default_factory=asyncio.Event)

    def close(self) -> None:
        """Let everybody go who looks."""
        self._closed.set()

    async def stream(self, request: web.Request, guest: Guest, look: Look, draw: Draw) -> web.StreamResponse:
        """Send the part that ``draw`` draws whenever ``look`` tells another mark than the page has."""
        who = guest.visit.account.id
        if self._open[who] >= self.most:
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
        self._open[who] += 1
        try:
            await response.prepare(request)
            await response.write(f"retry: {RETRY}\n\n".encode())
            with suppress(ConnectionError):
                await self._follow(_Line(request, response, guest, mark), look, draw)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
        return response

    async def _follow(self, line: _Line, look: Look, draw: Draw) -> None:
        mark, clock = line.mark, self.office.clock
        heard = clock.monotonic()
        while not self._closed.is_set() and line.there:
            with suppress(StoreError):  # the next look may find the database again
                now = await look()
                if now != mark:
                    part = await draw()
                    await line.write(now, "part", {"html": part.html, "said": part.said})
                    mark = now
            if clock.monotonic() - heard >= HEARTBEAT:
                heard = clock.monotonic()
                if not await self._may_stay(line):
                    return
            with suppress(TimeoutError):
                async with clock.timeout(EVERY):
                    await self._closed.wait()

    async def _may_stay(self, line: _Line) -> bool:
        await line.response.write(b":\n\n")
        try:
            if await self.office.still(line.guest):
                return True
        except StoreError:
            return True
        await line.write("", "over", {})
        return False


@dataclass(frozen=True, slots=True)
class _Line:
    """One page that listens."""

    request: web.Request
    response: web.StreamResponse
    guest: Guest
    mark: str

    @property
    def there(self) -> bool:
        """Whether the browser has not gone."""
        transport = self.request.transport
        return transport is not None and not transport.is_closing()

    async def write(self, mark: str, kind: str, what: dict[str, str]) -> None:
        data = json.dumps(what, ensure_ascii=True, separators=(",", ":"))
        await self.response.write(f"id: {mark}\nevent: {kind}\ndata: {data}\n\n".encode())
