"""A whole bot in a Slack for tests: the real configuration, pipeline and adapter, with a canned model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rostra.app import App, open_app
from rostra.clock import Clock
from rostra.config import Settings
from rostra.testing.slack_server import SlackServer

FORBIDDEN = {"find": ["xyzzy"], "category": "illicit/violent", "severity": 0.95, "severe": True}
"""What the rules block, in questions and answers."""


def settings_for(
    server: SlackServer,
    folder: Path,
    *,
    slack: Mapping[str, Any] | None = None,
    model: Mapping[str, Any] | None = None,
    durable: bool = False,
    **more: Any,
) -> Settings:
    """Return settings for a bot in ``server``: rules moderate it, U1 owns it, ``durable`` says where things are kept."""
    adapter = {
        "kind": "slack",
        "api": server.api,
        "bot_token": server.bot_token,
        "app_token": server.app_token,
        **(slack or {}),
    }
    return Settings.model_validate(
        {
            "data": folder,
            "adapters": {"slack": adapter},
            "models": {"model": {"kind": "canned", **(model or {})}},
            "moderators": {"rules": {"kind": "rules", "lists": [], "words": {"house": FORBIDDEN}}},
            "permissions": {"owner": ["slack/T1:U1"]},
            "storage": {"url": "" if durable else "memory:"},
            "delivery": {"first_delay": 0.01, "longest_delay": 0.1, "grace_seconds": 2},
            "limits": {"per_person_per_minute": 10**6, "per_place_per_minute": 10**6, "burst": 10**6},
            "feedback": {"thumbs": False},
            **more,
        }
    )


def over_http(server: SlackServer) -> dict[str, Any]:
    """Return what the adapter is told in place of Socket Mode. See `listening`."""
    return {
        "mode": "http",
        "app_token": None,
        "signing_secret": server.signing_secret,
        "listen": "127.0.0.1:0",
    }


@asynccontextmanager
async def running(settings: Settings, server: SlackServer, clock: Clock | None = None) -> AsyncGenerator[App]:
    """Run a bot within the block; over Socket Mode it is connected when the block begins."""
    before = server.socket.connected
    async with open_app(settings, clock=clock) as app:
        run = asyncio.ensure_future(app.run())
        try:
            if settings.adapters["slack"].options.get("mode", "socket") == "socket":
                connected = asyncio.ensure_future(server.until_connected(before + 1))
                await asyncio.wait([run, connected], return_when=asyncio.FIRST_COMPLETED)
                if run.done():
                    connected.cancel()
                    run.result()
            yield app
        finally:
            app.stop()
            await run
