"""A whole bot in a workspace of the Slack test server: canned answers, the rules, our adapter, real slack_bolt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rostra.app import App, open_app
from rostra.clock import Clock
from rostra.config import Settings, load
from rostra.testing.slack_server import SlackServer

BAD = "rosebud"

CONFIG = """
[feedback]
thumbs = false

[storage]
url = "memory:"

[models.canned]
kind = "canned"
otherwise = "Fine."
answers = {answers}
window = 40_000

[answerers.default]
sampling = {{ max_tokens = 20_000 }}

[moderators.rules]
kind = "rules"
lists = []
words.spoilers = ["rosebud"]

[permissions]
operator = ["slack/T1:@admin", "slack/T1:@S1"]
owner = ["slack/T1:U2"]

[adapters.slack]
kind = "slack"
{slack}
"""


def settings_of(
    folder: Path, server: SlackServer, answers: Mapping[str, str] | None = None, **slack: Any
) -> Settings:
    """Return a configuration with our adapter against ``server``: Socket Mode unless ``slack`` says otherwise."""
    given = {"api": server.api, "bot_token": server.bot_token, "app_token": server.app_token, **slack}
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in given.items() if value is not None)
    table = ", ".join(f"{json.dumps(name)} = {json.dumps(text)}" for name, text in (answers or {}).items())
    file = folder / "rostra.toml"
    file.write_text(CONFIG.format(answers=f"{{ {table} }}", slack=lines))
    return load(file, {"ROSTRA_DATA": str(folder / "data")})


def changed(folder: Path, old: str, new: str) -> Settings:
    """Return the configuration that `settings_of` wrote, with something else in it."""
    file = folder / "rostra.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return load(file, {"ROSTRA_DATA": str(folder / "data")})


@asynccontextmanager
async def running(settings: Settings, clock: Clock | None = None) -> AsyncGenerator[App]:
    """Run the bot within the block."""
    async with open_app(settings, clock=clock) as app:
        run = asyncio.ensure_future(app.run())
        try:
            yield app
        finally:
            app.stop()
            await run
