"""Socket Mode: connections that the app opens, and envelopes with ids that it acknowledges on them.

See https://docs.slack.dev/apis/events-api/using-socket-mode/
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from .delivery import Delivery, Undelivered
from .values import Json, SlackError
from .world import World

MOST = 10
"""Connections that one app may have."""


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """One socket. A ``silent`` one lives and answers pings, unless it is ``deaf``, but delivers nothing."""

    socket: web.WebSocketResponse
    transport: asyncio.BaseTransport | None
    silent: bool = False
    deaf: bool = False
    waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict[str, asyncio.Future[Json]])
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class SocketMode:
    """The side of Slack: gives out addresses, says hello, sends envelopes in turn over all that are connected."""

    def __init__(self, world: World, address: Callable[[], str]) -> None:
        self._world = world
        self._address = address
        self._tickets: set[str] = set()
        self._numbers = itertools.count(1)
        self._opened = asyncio.Event()
        self.connections: list[Connection] = []
        self.acks: list[Json] = []
        self.connected = 0
        """How many connections there ever were."""

    def open(self) -> Json:
        """Answer ``apps.connections.open``."""
        if len(self.connections) >= MOST:
            raise SlackError("too_many_websockets")
        ticket = self._world.new_id("ticket-")
        self._tickets.add(ticket)
        return {"ok": True, "url": f"{self._address()}?ticket={ticket}&app_id={self._world.app_id}"}

    async def link(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until either side ends it."""
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            await socket.close(code=1008, message=b"invalid ticket")
            return socket
        self._tickets.discard(ticket)
        connection = Connection(socket=socket, transport=request.transport)
        self.connections.append(connection)
        self.connected += 1
        await socket.send_json(self._hello())
        self._opened.set()
        self._world.touch()
        try:
            await self._listen(connection)
        finally:
            self._forget(connection)
        return socket

    async def send(self, delivery: Delivery, attempt: int, reason: str) -> Json:
        connection = await self._next()
        envelope = self._world.new_id("envelope-")
        acked = connection.waiting[envelope] = asyncio.get_running_loop().create_future()
        delivery.attempts += 1
        self._world.touch()
        began = asyncio.get_running_loop().time()
        if not connection.silent:
            with contextlib.suppress(ConnectionError):
                await connection.socket.send_str(json.dumps(_envelope(envelope, delivery, attempt, reason)))
        try:
            async with self._world.clock.timeout(self._world.limits.ack_seconds):
                answer: Json = await acked
        except TimeoutError as error:
            raise Undelivered("timeout") from error
        finally:
            connection.waiting.pop(envelope, None)
        delivery.latency = asyncio.get_running_loop().time() - began
        return answer

    async def close(self) -> None:
        """Close every connection."""
        for connection in list(self.connections):
            await connection.socket.close()

    async def disconnect(self, reason: str) -> None:
        """Tell every connection to reconnect: ``warning``, ``refresh_requested`` or ``link_disabled``."""
        message = {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-loopback"}}
        for connection in list(self.connections):
            with contextlib.suppress(ConnectionError):
                await connection.socket.send_json(message)

    def drop(self) -> None:
        """Break every connection, as a network does: without a word."""
        for connection in list(self.connections):
            if isinstance(connection.transport, asyncio.WriteTransport):
                connection.transport.abort()

    def fall_silent(self, *, deaf: bool) -> None:
        """Let every connection live and deliver nothing from now on."""
        for connection in self.connections:
            connection.silent, connection.deaf = True, deaf

    async def _next(self) -> Connection:
        """Return the connection whose turn it is; wait for one where there is none."""
        while True:
            alive = [one for one in self.connections if not one.silent] or self.connections
            if alive:
                return alive[next(self._numbers) % len(alive)]
            await self._opened.wait()

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.socket:
            if message.type is WSMsgType.PING and not connection.deaf:
                await connection.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._take(connection, message.data)

    def _take(self, connection: Connection, text: str) -> None:
        with contextlib.suppress(ValueError):
            ack: Json = json.loads(text)
            self.acks.append(ack)
            waiting = connection.waiting.get(str(ack.get("envelope_id")))
            if waiting is not None and not waiting.done():
                waiting.set_result(ack.get("payload") or {})

    def _forget(self, connection: Connection) -> None:
        self.connections.remove(connection)
        if not self.connections:
            self._opened.clear()
        for waiting in connection.waiting.values():
            if not waiting.done():
                waiting.set_exception(Undelivered("timeout", lost=True))
        connection.closed.set()
        self._world.touch()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "connection_info": {"app_id": self._world.app_id},
            "debug_info": {"host": "applink-loopback", "approximate_connection_time": 18060},
        }


def _envelope(name: str, delivery: Delivery, attempt: int, reason: str) -> Json:
    envelope: Json = {
        "envelope_id": name,
        "type": delivery.kind,
        "payload": delivery.payload,
        "accepts_response_payload": delivery.kind != "events_api",
    }
    if delivery.kind == "events_api":
        envelope |= {"retry_attempt": attempt, "retry_reason": reason}
    return envelope
