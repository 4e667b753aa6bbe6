"""The door through which the Discord adapter comes: discord.py is imported when one is configured, not before."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rostra.components import Component, Finding, Services
from rostra.errors import ConfigError

from .settings import DiscordSettings

if TYPE_CHECKING:
    from .adapter import Discord

MISSING = "the Discord adapter needs discord.py; install it with: pip install 'rostra[discord]'"


@asynccontextmanager
async def open_discord(settings: DiscordSettings, services: Services) -> AsyncGenerator[Discord]:
    """Make the adapter; it logs in when it runs or has something to say. Raises `ConfigError`."""
    try:
        from .adapter import Discord
        from .wire import at, left
    except ImportError as error:
        raise ConfigError(MISSING) from error
    at(settings.api)
    adapter = Discord(settings, services)
    try:
        yield adapter
    finally:
        await adapter.close()
        left(settings.api)


async def check_discord(settings: DiscordSettings, services: Services) -> Sequence[Finding]:
    """Look whether token, intents, permissions and commands are right."""
    try:
        from .doctor import examine
    except ImportError:
        return [Finding(ok=False, what="discord.py is not installed", advice=MISSING)]
    return await examine(settings, services)


def set_up_discord(settings: DiscordSettings, services: Services) -> str:
    """Return what an administrator does on Discord, with the link that invites the bot."""
    from .invite import instructions

    return instructions(settings, services)


component = Component(
    name="discord", settings=DiscordSettings, open=open_discord, check=check_discord, setup=set_up_discord
)
