"""Fakes at the wire for what judges and remote moderators ask: a guard model, and a moderation service on loopback."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from rostra.chat import Piece, Sampling, Utterance
from rostra.errors import ModelError
from rostra.verdicts import Decision, Verdict

from .openai_shape import write_result


def unharmful(text: str) -> Mapping[str, float]:
    """Score ``text`` as the fakes do: "kill" is violence, and nothing else is anything."""
    return {"violence": 0.9} if "kill" in text else {}


@dataclass(slots=True, kw_only=True)
class GuardModel:
    """A `rostra.protocols.Model` that says what ``say`` makes of a prompt, in pieces as small as ``piece`` characters.

    ``say`` may return a `ModelError` to be raised. ``asked`` has the prompts, ``read`` what was read of each answer.
    """

    say: Callable[[Sequence[Utterance]], str | Sequence[Piece] | ModelError]
    name: str = "guard"
    window: int = 8192
    piece: int = 4
    finish: Piece = field(default_factory=lambda: Piece(finish="stop"))
    asked: list[Sequence[Utterance]] = field(default_factory=list[Sequence[Utterance]])
    sampled: list[Sampling] = field(default_factory=list[Sampling])
    read: list[str] = field(default_factory=list[str])
    closed: int = 0

    def count(self, text: str) -> int:
        return len(text) // 2 + 1

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        self.asked.append(messages)
        self.sampled.append(sampling)
        number = len(self.read)
        self.read.append("")
        said = self.say(messages)
        try:
            if isinstance(said, ModelError):
                raise said
            for piece in self._pieces(said):
                self.read[number] += piece.text
                yield piece
                await asyncio.sleep(0)
        finally:
            self.closed += 1

    def _pieces(self, said: str | Sequence[Piece]) -> Sequence[Piece]:
        if not isinstance(said, str):
            return said
        texts = [said[start : start + self.piece] for start in range(0, len(said), self.piece)]
        return [*(Piece(text=text) for text in texts), self.finish]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that a `FakeService` got."""

    target: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a `FakeService` says. ``after`` is awaited first; ``cut`` closes the connection after so many bytes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    after: Callable[[], Awaitable[object]] | None = None
    cut: int | None = None


Script: TypeAlias = Callable[[Asked], Answer]


@dataclass(slots=True, kw_only=True)
class FakeService:
    """A moderation service of OpenAI's shape on a free port of the loopback interface.

    It answers by ``script``, one entry a request, and by `judged` once that is used up. ``asked`` has what it got, and
    ``connections`` counts them.
    """

    script: list[Answer | Script] = field(default_factory=list["Answer | Script"])
    asked: list[Asked] = field(default_factory=list[Asked])
    connections: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    @asynccontextmanager
    async def listening(self, encrypted: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
        """Listen, with TLS where there is a context for it, and yield the address to ask."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=encrypted)
        port: int = server.sockets[0].getsockname()[1]
        async with server:
            yield f"{'https' if encrypted else 'http'}://127.0.0.1:{port}/v1/moderations"
            self.drop()

    def drop(self) -> None:
        """Close all connections."""
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        self._writers.add(writer)
        try:
            while (asked := await _request(reader, connection)) is not None:
                self.asked.append(asked)
                self.arrived.set()
                entry = self.script.pop(0) if self.script else judged
                if not await _respond(writer, entry if isinstance(entry, Answer) else entry(asked)):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone
        finally:
            self._writers.discard(writer)
            writer.close()


def judged(asked: Asked) -> Answer:
    """Answer as a service does that judges by `unharmful`."""
    texts = cast("list[str]", asked.body["input"])
    results = [
        write_result(
            Verdict(decision=Decision.ALLOW, source="fake", categories=unharmful(text)), lambda _: 0.5
        )
        for text in texts
    ]
    return Answer(body=json.dumps({"id": "modr-1", "model": "fake", "results": results}).encode())


async def _request(reader: asyncio.StreamReader, connection: int) -> Asked | None:
    line = await reader.readline()
    if not line:
        return None
    headers: dict[str, str] = {}
    while (header := (await reader.readline()).decode().strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = json.loads(await reader.readexactly(int(headers["content-length"])))
    return Asked(target=line.decode().split()[1], headers=headers, body=body, connection=connection)


async def _respond(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    """Return whether the connection is kept."""
    if answer.after is not None:
        await answer.after()
    head = [f"HTTP/1.1 {answer.status} Whatever", f"Content-Length: {len(answer.body)}"]
    head += [f"{name}: {value}" for name, value in answer.headers.items()]
    data = "\r\n".join([*head, "", ""]).encode() + answer.body
    writer.write(data if answer.cut is None else data[: answer.cut])
    await writer.drain()
    return answer.cut is None
