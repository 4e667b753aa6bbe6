"""A server on loopback that speaks OpenAI's two APIs, well or, by a script, badly. For tests."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from .speech import chat_chunks, chat_whole, model_list, response_events, response_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that a `FakeServer` got; ``connection`` numbers the connections."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    connection: int


@dataclass(slots=True, kw_only=True)
class Connection:
    """One connection of a client, and what can be said on it."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(
        self, status: int = 200, *, kind: str = "text/event-stream", length: int | None = None, **more: str
    ) -> None:
        """Send a status and headers: chunks follow, or ``length`` bytes."""
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}", framing]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
        await self.raw("\r\n".join([*lines, "", ""]).encode())

    async def raw(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        """Send a chunk; an empty one ends the reply (RFC 9112 §7.1)."""
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, said: Mapping[str, Any] | str) -> None:
        """Send an event, as a chunk."""
        await self.chunk(event(said))

    async def gone(self) -> None:
        """Return when the client has closed the connection."""
        while await self.reader.read(65536):
            pass


Behaviour: TypeAlias = Callable[[Asked, Connection], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class FakeServer:
    """Speaks on a free port of the loopback interface.

    It does what ``script`` says, one entry a question, and answers as ``otherwise`` does once that is used up. ``asked``
    has the questions, ``looked`` the requests for its models, ``connections`` counts, ``open`` has the connections of
    now. ``arrived`` is set with each question, ``left`` when a connection has ended.
    """

    script: list[Behaviour] = field(default_factory=list[Behaviour])
    otherwise: Behaviour = field(default_factory=lambda: answering)
    list_of_models: Behaviour = field(default_factory=lambda: answering)
    asked: list[Asked] = field(default_factory=list[Asked])
    looked: list[Asked] = field(default_factory=list[Asked])
    connections: int = 0
    open: set[int] = field(default_factory=set[int])
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
        """Listen, with ``tls`` where it is given, and yield where the API begins."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        port: int = server.sockets[0].getsockname()[1]
        async with server:
            try:
                yield f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1"
            finally:
                server.close()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = Connection(number=self.connections, reader=reader, writer=writer)
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._tasks.add(task)
        self.open.add(connection.number)
        try:
            while (asked := await _request(connection)) is not None:
                await self._behaviour(asked)(asked, connection)
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever asked has gone, or the server closes; nobody awaits this but the server
        finally:
            self.open.discard(connection.number)
            self.left.set()
            self._tasks.discard(task)
            writer.close()

    def _behaviour(self, asked: Asked) -> Behaviour:
        if asked.method == "GET":
            self.looked.append(asked)
            return self.list_of_models
        self.asked.append(asked)
        self.arrived.set()
        return self.script.pop(0) if self.script else self.otherwise


async def _request(connection: Connection) -> Asked | None:
    line = await connection.reader.readline()
    if not line:
        return None
    headers: dict[str, str] = {}
    while (header := (await connection.reader.readline()).decode().strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    body: dict[str, Any] = json.loads(await connection.reader.readexactly(length)) if length else {}
    method, target, _ = line.decode().split()
    return Asked(method=method, target=target, headers=headers, body=body, connection=connection.number)


def event(said: Mapping[str, Any] | str) -> bytes:
    """Return the bytes of an event; one of the responses API is named for its type."""
    if isinstance(said, str):
        return f"data: {said}\n\n".encode()
    named = f"event: {said['type']}\n" if "type" in said else ""
    return f"{named}data: {json.dumps(said)}\n\n".encode()


async def answering(asked: Asked, connection: Connection) -> None:
    """Answer as a good server does: the question comes back, four characters a token."""
    if asked.method == "GET":
        await _whole(connection, model_list())
        return
    chat = asked.target.endswith("/chat/completions")
    if not asked.body.get("stream"):
        await _whole(connection, (chat_whole if chat else response_whole)(asked.body))
        return
    events: Iterator[dict[str, Any]] = (chat_chunks if chat else response_events)(asked.body)
    await connection.head()
    for said in events:
        await connection.event(said)
    if chat:
        await connection.event("[DONE]")
    await connection.chunk(b"")


async def whole(asked: Asked, connection: Connection) -> None:
    """Answer without streaming, whatever was asked for."""
    chat = asked.target.endswith("/chat/completions")
    await _whole(connection, (chat_whole if chat else response_whole)(asked.body))


async def _whole(connection: Connection, said: Mapping[str, Any]) -> None:
    data = json.dumps(said).encode()
    await connection.head(kind="application/json", length=len(data))
    await connection.raw(data)


def refusing(status: int, code: str | None = None, **headers: str) -> Behaviour:
    """Return what refuses, with an error as OpenAI's API has them."""

    async def behave(asked: Asked, connection: Connection) -> None:
        error = {"message": f"cannot take {asked.body}", "type": None, "code": code, "param": None}
        data = json.dumps({"error": error}).encode()
        await connection.head(status, kind="application/json", length=len(data), **headers)
        await connection.raw(data)

    return behave


def saying(*events: Mapping[str, Any] | str) -> Behaviour:
    """Return what sends these events and ends its reply."""

    async def behave(_: Asked, connection: Connection) -> None:
        await connection.head()
        for said in events:
            await connection.event(said)
        await connection.chunk(b"")

    return behave
