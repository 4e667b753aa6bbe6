"""A whole bot on the Discord adapter, for the fault tests; run as a script it is the process that they kill.

As a script it takes its configuration as JSON, whole, as its only argument.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rostra.app import App, open_app
from rostra.config import Settings
from rostra.testing.discord_server import DiscordServer


def configuration(
    server: DiscordServer,
    folder: Path,
    *,
    answers: Mapping[str, str] | None = None,
    model: Mapping[str, Any] | None = None,
    adapter: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a configuration: canned answers, a database in ``folder``, the word ``zorblax`` blocked."""
    bad = {"find": ["zorblax"], "category": "hate", "severity": 0.95, "severe": True}
    return {
        "data": str(folder),
        "adapters": {
            "discord": {
                "kind": "discord",
                "token": server.token,
                "api": server.api,
                "edit_seconds": 0.02,
                "edits": 1000,
                **(adapter or {}),
            }
        },
        "models": {
            "canned": {"kind": "canned", "answers": dict(answers or {}), "piece": 20, **(model or {})}
        },
        "moderators": {"rules": {"kind": "rules", "words": {"bad": bad}}},
        "storage": {"url": f"sqlite:///{folder / 'rostra.db'}"},
        "permissions": {"operator": [f"discord/*:={server.ann.id}"]},
        "limits": {"per_person_per_minute": 10**6, "per_place_per_minute": 10**6, "burst": 10**6},
        "delivery": {"first_delay": 0.01, "longest_delay": 0.1},
        "feedback": {"thumbs": False},
        **more,
    }


@asynccontextmanager
async def running(server: DiscordServer, folder: Path, **options: Any) -> AsyncGenerator[App]:
    """Run a whole bot, connected to the server."""
    settings = Settings.model_validate(configuration(server, folder, **options))
    async with open_app(settings) as app:
        run = asyncio.ensure_future(app.run())
        connected = asyncio.ensure_future(server.until_connected())
        try:
            await asyncio.wait([run, connected], return_when=asyncio.FIRST_COMPLETED)
            if run.done():
                run.result()
            await connected
            yield app
        finally:
            connected.cancel()
            app.stop()
            await run


async def _live(settings: Settings) -> None:
    async with open_app(settings) as app:
        await app.run()


if __name__ == "__main__":
    asyncio.run(_live(Settings.model_validate(json.loads(sys.argv[1]))))
