"""A whole bot behind the gateway on a free port of loopback: scripted models, the rules, and a client that reads what comes."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from gateway_models import Scripted

from rostra.api_keys import ApiKey, ApiScope, new_secret
from rostra.app import App, open_app
from rostra.clock import Clock
from rostra.config import Settings, load
from rostra.logs import configured
from rostra_adapters.gateway.gateway import Gateway

BAD = "rosebud"
CHAT = "/v1/chat/completions"
HERE = Path(__file__).with_name("gateway_models.py")

CONFIG = """
[storage]
url = "{storage}"

[feedback]
thumbs = false

[models.script]
kind = "{here}:model"
takes = ["tools", "tool_choice", "response_format", "parallel_tool_calls"]

[models.plain]
kind = "{here}:model"

[models.tiny]
kind = "{here}:model"
window = 100

[personas.assistant]
prompt = "You are the persona."

[answerers.default]
model = "script"

[moderators.rules]
kind = "rules"
lists = []
words.spoilers = ["rosebud"]

[adapters.gateway]
kind = "gateway"
listen = "127.0.0.1:0"
{gateway}

{more}
"""
WATCHED = f"""
[moderators.watcher]
kind = "{HERE}:watcher"
"""
"""A second moderator, which tells the model ``script`` what it judged."""


@dataclass(slots=True, kw_only=True)
class Stand:
    """A bot that runs, and who asks it."""

    app: App
    gateway: Gateway
    client: httpx.AsyncClient
    logs: io.StringIO

    def model(self, name: str = "script") -> Scripted:
        return cast("Scripted", self.app.parts.models[name])

    async def key(
        self, application: str = "shop", *scopes: ApiScope, **more: Any
    ) -> tuple[ApiKey, Mapping[str, str]]:
        """Make a key; return it with the headers that show it."""
        secret = new_secret()
        if scopes:
            more["scopes"] = frozenset(scopes)
        made = await self.app.parts.store.add_key(ApiKey(application=application, **more), secret)
        return made, {"Authorization": f"Bearer {secret}"}

    async def ask(
        self, said: str | Sequence[Mapping[str, Any]], headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """Ask, and wait for the whole reply."""
        return await self.client.post(CHAT, json=body(said, **more), headers=headers)

    async def answer(self, said: str | Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
        """Return the answer to what has one."""
        reply = await self.ask(said, **more)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    @asynccontextmanager
    async def streaming(
        self, said: str | Sequence[Mapping[str, Any]], **more: Any
    ) -> AsyncGenerator[AsyncGenerator[dict[str, Any]]]:
        """Ask for a stream, and yield its events as they come; comments are events with the key ``comment``."""
        asked = body(said, stream=True, **more)
        async with self.client.stream("POST", CHAT, json=asked) as reply:
            assert reply.status_code == 200, await reply.aread()
            assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
            events = events_of(reply)
            try:
                yield events
            finally:
                await events.aclose()

    async def streamed(self, said: str | Sequence[Mapping[str, Any]], **more: Any) -> list[dict[str, Any]]:
        """Return all events of a stream, which has to end as it should."""
        async with self.streaming(said, **more) as events:
            found = [event async for event in events]
        assert found[-1] == {"done": True}
        return found[:-1]

    async def refused(
        self, said: str | Sequence[Mapping[str, Any]], headers: Mapping[str, str] | None = None, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the error of what is refused."""
        reply = await self.ask(said, headers, **more)
        return reply.status_code, error_of(reply)


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """Return an error, which has the shape that OpenAI's have."""
    body: dict[str, Any] = reply.json()
    error: dict[str, Any] = body["error"]
    assert set(body) == {"error"}
    assert set(error) == {"message", "type", "param", "code"}
    return error


def body(said: str | Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the body of a question."""
    messages = [user(said)] if isinstance(said, str) else list(said)
    return {"model": "script", "messages": messages, **more}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


async def events_of(reply: httpx.Response) -> AsyncGenerator[dict[str, Any]]:
    async for line in reply.aiter_lines():
        if line.startswith(":"):
            yield {"comment": line}
        elif line == "data: [DONE]":
            yield {"done": True}
        elif line:
            assert line.startswith("data: "), line
            yield json.loads(line.removeprefix("data: "))


def text_of(events: Sequence[Mapping[str, Any]], number: int = 0) -> str:
    """Return what the deltas of one choice add up to."""
    return "".join(
        choice["delta"].get("content") or ""
        for event in events
        for choice in event.get("choices", ())
        if choice["index"] == number
    )


def finishes(events: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return how each choice ended; each does once."""
    ends = [
        (choice["index"], choice["finish_reason"])
        for event in events
        for choice in event.get("choices", ())
        if choice["finish_reason"] is not None
    ]
    assert len(ends) == len(dict(ends))
    return dict(ends)


def written(**settings: Any) -> str:
    """Return settings as lines of TOML."""
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())


@asynccontextmanager
async def standing(
    folder: Path, *, clock: Clock | None = None, more: str = "", storage: str = "memory:", **gateway: Any
) -> AsyncGenerator[Stand]:
    """Run a bot within the block: open to everybody, unless ``gateway`` has other settings for it."""
    file = folder / "rostra.toml"
    settings = written(**{"open": True, **gateway})
    file.write_text(CONFIG.format(here=HERE, gateway=settings, more=more, storage=storage))
    logs = io.StringIO()
    loaded = load(file, {"ROSTRA_DATA": str(folder / "data")})
    with configured(format="json", level="debug", stream=logs):
        async with _running(loaded, clock, logs) as stand:
            yield stand


@asynccontextmanager
async def _running(settings: Settings, clock: Clock | None, logs: io.StringIO) -> AsyncGenerator[Stand]:
    async with open_app(settings, clock=clock) as app:
        run = asyncio.ensure_future(app.run())
        found = app.parts.adapters["gateway"]
        assert isinstance(found, Gateway)
        try:
            async with httpx.AsyncClient(base_url=found.url, timeout=10, trust_env=False) as client:
                yield Stand(app=app, gateway=found, client=client, logs=logs)
        finally:
            app.stop()
            await run
