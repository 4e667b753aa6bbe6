"""Model servers that may be running on this machine: where they listen, and how they are told apart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from ..clock import Clock

PATIENCE = 0.2
"""Seconds for all of them together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that speaks OpenAI's protocol under ``/v1``. The answer to ``path`` has ``mark`` in it, headers included."""

    name: str
    title: str
    port: int
    path: str
    mark: bytes


SERVERS = (
    # https://github.com/ollama/ollama/blob/main/server/routes.go
    Server(name="ollama", title="Ollama", port=11434, path="/", mark=b"Ollama is running"),
    # https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
    Server(name="llamacpp", title="llama.cpp", port=8080, path="/health", mark=b"Server: llama.cpp"),
    # https://lmstudio.ai/docs/developer/rest/endpoints
    Server(
        name="lmstudio", title="LM Studio", port=1234, path="/api/v0/models", mark=b'"compatibility_type"'
    ),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    Server(name="vllm", title="vLLM", port=8000, path="/version", mark=b'{"version":'),
)


async def running(clock: Clock, servers: Sequence[Server]) -> Sequence[Server]:
    """Return those of ``servers`` that answer on 127.0.0.1 within `PATIENCE`."""
    answers = await asyncio.gather(*(_answers(server, clock) for server in servers))
    return [server for server, answered in zip(servers, answers, strict=True) if answered]


async def _answers(server: Server, clock: Clock) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with clock.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            try:
                writer.write(f"GET {server.path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
                return server.mark in await reader.read(4096)
            finally:
                writer.close()
    return False
