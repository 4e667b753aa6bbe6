"""Model servers that are running on this machine are found, told apart, and only suggested."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from rostra.cli.banner import banner
from rostra.cli.servers import SERVERS, Server, running
from rostra.clock import SystemClock
from rostra.config import Settings, Table
from rostra.testing.clock import ManualClock, settle

OLLAMA = SERVERS[0]


@asynccontextmanager
async def served(answer: bytes, *, silent: bool = False) -> AsyncGenerator[int]:
    """Serve one answer to everybody; yield the port."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if silent:
            await over.wait()
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        over.set()


@pytest.mark.parametrize(
    ("server", "answer"),
    [
        (OLLAMA, b"HTTP/1.0 200 OK\r\n\r\nOllama is running"),
        (SERVERS[1], b'HTTP/1.0 200 OK\r\nServer: llama.cpp\r\n\r\n{"status":"ok"}'),
        (SERVERS[2], b'HTTP/1.0 200 OK\r\n\r\n{"data":[{"compatibility_type":"gguf"}]}'),
        (SERVERS[3], b'HTTP/1.0 200 OK\r\n\r\n{"version":"0.11.0"}'),
    ],
    ids=lambda value: value.name if isinstance(value, Server) else "",
)
async def test_a_server_is_known_by_its_answer(server: Server, answer: bytes) -> None:
    async with served(answer) as port:
        here = replace(server, port=port)
        assert list(await running(SystemClock(), [here])) == [here]


async def test_another_server_on_the_same_port_is_not_taken_for_it() -> None:
    async with served(b"HTTP/1.0 200 OK\r\nServer: nginx\r\n\r\nWelcome") as port:
        assert list(await running(SystemClock(), [replace(server, port=port) for server in SERVERS])) == []


async def test_a_port_where_nobody_listens_is_no_server() -> None:
    async with served(b"") as port:
        pass
    assert list(await running(SystemClock(), [replace(OLLAMA, port=port)])) == []


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    clock = ManualClock()
    async with served(b"", silent=True) as port:
        looked = asyncio.ensure_future(running(clock, [replace(OLLAMA, port=port)]))
        await settle()
        await clock.advance(0.2)
        assert list(await looked) == []


async def test_the_banner_is_honest_about_the_embedded_model() -> None:
    async with served(b"HTTP/1.0 200 OK\r\n\r\nOllama is running") as port:
        said = await banner(Settings(), SystemClock(), [replace(OLLAMA, port=port)])
    assert "135 million parameters" in said
    assert "often wrong" in said
    assert "rostra init --model ollama|openai" in said
    assert "Ollama is running on this machine: rostra init --model ollama would use it." in said


async def test_the_banner_names_another_model_and_looks_for_nothing() -> None:
    said = await banner(Settings(models={"big": Table(kind="remote")}), SystemClock())
    assert "'big' answers" in said
    assert "135" not in said
