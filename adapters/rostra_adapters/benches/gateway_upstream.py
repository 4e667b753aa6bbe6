"""The model of the gateway's bench: a server in OpenAI's shape, in a process of its own, whose answers are canned.

It prints one JSON object with its ``port`` and ``pid``, and serves until standard input ends. A stream has one event a
token, and the loop turns between two of them, so that streams which run at once are interleaved as a model's are.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import web

from rostra.garbage import collect_seldom

from . import gateway_talk as talk
from .told import answering

MODEL = "up"
BACKLOG = 1_024
"""Connections that may come in at once: all streams of the bench, and some."""

_USED = {"prompt_tokens": 14, "completion_tokens": 65, "total_tokens": 79}
_KIND = {"id": "chatcmpl-canned", "created": 1_767_225_600, "model": MODEL}


@asynccontextmanager
async def canned(pause: float = 0.0) -> AsyncGenerator[int]:
    """Serve on loopback within the block, with ``pause`` seconds between two tokens; yield the port."""

    async def complete(request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        try:
            asks: dict[str, Any] = json.loads(raw)
            text = talk.answer(*talk.asked(raw))
        except ValueError as error:
            body = {"error": {"message": str(error), "type": "invalid_request_error"}}
            return web.json_response(body, status=HTTPStatus.BAD_REQUEST)
        if not asks.get("stream"):
            return web.json_response(_whole(text))
        options: dict[str, Any] = asks.get("stream_options") or {}
        events = _events(text, counted=bool(options.get("include_usage")))
        return await _streamed(request, events, pause)

    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", complete), web.get("/v1/models", _models)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _models(_: web.Request) -> web.Response:
    model = {"id": MODEL, "object": "model", "created": 1_767_225_600, "owned_by": "bench"}
    return web.json_response({"object": "list", "data": [model]})


async def _streamed(request: web.Request, events: Sequence[bytes], pause: float) -> web.StreamResponse:
    reply = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await reply.prepare(request)
    for event in events:
        await reply.write(event)
        await asyncio.sleep(pause)
    await reply.write_eof()
    return reply


def _whole(text: str) -> Mapping[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**_KIND, "object": "chat.completion", "choices": [choice], "usage": _USED}


def _events(text: str, *, counted: bool) -> Sequence[bytes]:
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": token} for token in talk.tokens(text)]
    events = [_event([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    events.append(_event([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    if counted:
        events.append(_event([], usage=_USED))
    return [*events, b"data: [DONE]\n\n"]


def _event(choices: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    chunk = {**_KIND, "object": "chat.completion.chunk", "choices": choices, **more}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


async def main(pause: str = "0") -> None:
    """Serve until standard input ends."""
    collect_seldom()
    # Contenders hang up on the model at will, and that is no news.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)

    async def none(line: str) -> None:
        del line

    async with canned(float(pause)) as port:
        await answering({"port": port, "pid": os.getpid()}, none)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
