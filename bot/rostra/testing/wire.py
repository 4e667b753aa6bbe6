"""A chat platform behind a loopback socket, and the adapter for it: for tests that kill the bot's process.

The platform outlives the bot, as real ones do. It sends an event again until the bot has acknowledged it, and keeps
what the bot sent whether or not the bot lived to see the receipt.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ..actions import Action, Address, Capabilities, Receipt
from ..codec import dump_action, dump_address, dump_event, load_action, load_address, load_event
from ..errors import AdapterError
from ..events import Message
from ..protocols import Accept
from .platform import FakePlatform


@dataclass(slots=True)
class WireServer:
    """Platforms behind one port, each a `FakePlatform` by its name.

    ``on_frame`` is called with the name of each thing that goes over the wire, before and after it is done: where a
    test may decide to pull the plug.
    """

    platforms: dict[str, FakePlatform]
    on_frame: Callable[[str], None] = lambda _: None
    port: int = 0
    acknowledged: set[str] = field(default_factory=set[str])
    _pending: dict[str, Message] = field(default_factory=dict[str, Message])
    _writers: dict[str, asyncio.StreamWriter] = field(default_factory=dict[str, asyncio.StreamWriter])

    def say(self, platform: str, text: str, *, channel: str, times: int = 1) -> Message:
        """Let somebody write ``text``; the platform sends the event at least ``times`` times."""
        message = self.platforms[platform].message(text, channel=channel)
        self._pending[message.id] = message
        for _ in range(times):
            self._send(message)
        return message

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[int]:
        """Listen on a free port of the loopback interface."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self.port
            for writer in self._writers.values():
                writer.close()

    def _send(self, message: Message) -> None:
        writer = self._writers.get(message.place.adapter)
        if writer is not None and not writer.is_closing():
            self.on_frame("event")
            _write(writer, {"event": dump_event(message).decode()})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            name = json.loads(await reader.readline())["hello"]
            self._writers[name] = writer
            for message in list(self._pending.values()):
                if message.place.adapter == name:
                    self._send(message)
            while line := await reader.readline():
                await self._take(name, json.loads(line), writer)
        except (ConnectionError, ValueError):
            pass  # the bot was killed in the middle of a line
        finally:
            writer.close()

    async def _take(self, name: str, frame: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if "accepted" in frame:
            self._pending.pop(frame["accepted"], None)
            self.acknowledged.add(frame["accepted"])
            self.on_frame("accepted")
            return
        self.on_frame("asked")
        action = load_action(frame["action"].encode())
        address = load_address(frame["address"].encode())
        try:
            receipt = await self.platforms[name].perform(address, action, frame["key"])
            answer: dict[str, Any] = {"shown": receipt.shown}
        except AdapterError as error:
            answer = {"error": str(error)}
        self.on_frame("done")
        _write(writer, {"call": frame["call"], **answer})
        self.on_frame("receipt")


@dataclass(slots=True)
class WireAdapter:
    """The bot's side: an `rostra.protocols.Adapter` for one platform of a `WireServer`."""

    name: str
    capabilities: Capabilities
    port: int
    _writer: asyncio.StreamWriter | None = None
    _calls: dict[int, asyncio.Future[dict[str, Any]]] = field(
        default_factory=dict[int, asyncio.Future[dict[str, Any]]]
    )
    _number: int = 0
    _connected: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, accept: Accept) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        _write(self._writer, {"hello": self.name})
        self._connected.set()
        async with asyncio.TaskGroup() as group:
            while line := await reader.readline():
                frame = json.loads(line)
                if "event" in frame:
                    group.create_task(self._accept(accept, frame["event"]))
                else:
                    self._calls.pop(frame["call"]).set_result(frame)

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        await self._connected.wait()
        assert self._writer is not None
        self._number += 1
        call = self._number
        answer = self._calls[call] = asyncio.get_running_loop().create_future()
        frame = {
            "call": call,
            "address": dump_address(address).decode(),
            "action": dump_action(action).decode(),
            "key": key,
        }
        _write(self._writer, frame)
        got = await answer
        if "error" in got:
            raise AdapterError(got["error"])
        return Receipt(shown=tuple(_strings(got["shown"])))

    async def _accept(self, accept: Accept, event: str) -> None:
        message = load_event(event.encode())
        await accept(message)
        assert self._writer is not None
        _write(self._writer, {"accepted": message.id})


def _strings(values: Sequence[object]) -> list[str]:
    return [str(value) for value in values]


def _write(writer: asyncio.StreamWriter, frame: dict[str, Any]) -> None:
    writer.write(json.dumps(frame).encode() + b"\n")
