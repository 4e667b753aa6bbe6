"""Whether the bot would work: its token, intents, permissions and commands, each with what would put it right."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import discord

from rostra.components import Finding, Services
from rostra.errors import AdapterError, ConfigError

from . import wire
from .client import Client
from .ears import Ears
from .failures import as_ours, cannot_start
from .hands import Hands
from .invite import NEEDED, link, words
from .memory import Memory
from .settings import DiscordSettings

GUILDS = 200
"""Servers that are looked at."""

TOLD = "start the bot once: it tells Discord what has changed"
PORTAL = "https://discord.com/developers/applications"


async def examine(
    settings: DiscordSettings, services: Services, *, make: Callable[..., Client] = Client
) -> Sequence[Finding]:
    """Log in, look, and leave. Nothing is changed."""
    try:
        async with _logged_in(settings, services, make) as client:
            return await examined(client, settings)
    except ConfigError as error:
        return [Finding(ok=False, what=str(error), advice=f"the Bot page is at {PORTAL}")]
    except AdapterError as error:
        return [Finding(ok=False, what=str(error), advice="look whether this machine reaches discord.com")]


async def examined(client: Client, settings: DiscordSettings) -> Sequence[Finding]:
    """Look with a client that is logged in."""
    found = [Finding(ok=True, what=f"token: Discord knows it as {client.user}")]
    for look in (_intents, _servers, _commands):
        try:
            found.extend(await look(client, settings))
        except AdapterError as error:
            found.append(Finding(ok=False, what=str(error), advice="try again in a minute"))
    return found


@asynccontextmanager
async def _logged_in(
    settings: DiscordSettings, services: Services, make: Callable[..., Client]
) -> AsyncGenerator[Client]:
    wire.at(settings.api)
    ears = Ears(services.name, settings, services.clock, Memory())
    client = make(settings, ears, Hands(ears, None), services)
    try:
        await client.login(settings.token.get_secret_value())
        yield client
    except (discord.DiscordException, OSError) as error:
        raise cannot_start(error, services.name) from None
    finally:
        if client.begun:
            await client.close()
        wire.left(settings.api)


async def _intents(client: Client, settings: DiscordSettings) -> Sequence[Finding]:
    with as_ours("reading the application"):
        application = await client.application_info()
    flags = application.flags
    allowed = flags.gateway_message_content or flags.gateway_message_content_limited
    if settings.message_content:
        return [
            Finding(
                ok=allowed,
                what=f"message content intent: {'on' if allowed else 'off, and message_content = true needs it'}",
                advice=""
                if allowed
                else f"switch it on on the Bot page of {PORTAL}, or remove message_content",
            )
        ]
    return [
        Finding(ok=True, what="message content intent: not asked for; mentions, messages and commands work")
    ]


async def _servers(client: Client, settings: DiscordSettings) -> Sequence[Finding]:
    with as_ours("reading the servers"):
        guilds = cast("Sequence[Any]", await client.http.get_guilds(GUILDS, None, None, with_counts=False))
    invite = link(str(client.application_id))
    if not guilds:
        return [Finding(ok=False, what="servers: none", advice=f"invite the bot: {invite}")]
    found = [server(one, invite) for one in guilds]
    missing = set(settings.guilds) - {str(one["id"]) for one in guilds}
    advice = f"invite it: {invite}"
    return [
        *found,
        *(
            Finding(ok=False, what=f"server {one} of guilds: the bot is not there", advice=advice)
            for one in sorted(missing)
        ),
    ]


def server(guild: dict[str, Any], invite: str) -> Finding:
    """Return whether the bot has the permissions in a server that it needs, and no dangerous ones."""
    has = discord.Permissions(int(guild.get("permissions", 0)))
    what = f"server {guild['id']}"
    if has.administrator:
        advice = f"take Administrator away; it needs no more than {invite} gives it"
        return Finding(ok=False, what=f"{what}: the bot is an administrator there", advice=advice)
    missing = words(NEEDED & ~has)
    return Finding(
        ok=not missing,
        what=f"{what}: {'may not ' + ', '.join(missing) if missing else 'has the permissions it needs'}",
        advice=f"invite it again: {invite}" if missing else "",
    )


async def _commands(client: Client, settings: DiscordSettings) -> Sequence[Finding]:
    del settings
    with as_ours("reading the commands"):
        theirs = await client.tree.fetch_commands()
    if not client.knows_commands:  # a check without the bot's own
        return [
            Finding(
                ok=bool(theirs), what=f"commands: {len(theirs)} on Discord", advice="" if theirs else TOLD
            )
        ]
    ours = client.tree.get_commands()
    missing = {one.name for one in ours} - {one.name for one in theirs}
    return [
        Finding(
            ok=not missing,
            what=f"commands: {len(theirs)} on Discord, {len(ours)} here",
            advice=TOLD if missing else "",
        )
    ]
