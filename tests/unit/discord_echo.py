"""A bot on unmodified discord.py for the tests of the test server, and what runs it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

import discord
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from rostra.testing.discord_server import DiscordServer


class Patient:
    """What clients for tests share: no waiting for guilds, none before a session is begun anew."""

    heard: list[discord.Message]

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        del shard_id, initial

    async def on_message(self, message: discord.Message) -> None:
        if not message.author.bot:
            self.heard.append(message)
            await message.channel.send(f"echo: {message.content}")


class Echo(Patient, discord.Client):
    """A bot that repeats what people write, and keeps what it heard."""

    def __init__(self, *, intents: discord.Intents | None = None, **options: Any) -> None:
        if intents is None:
            intents = discord.Intents.default()
            intents.message_content = True
        super().__init__(intents=intents, guild_ready_timeout=0.0, **options)
        self.heard = []
        self.tree: app_commands.CommandTree[Any] = app_commands.CommandTree(self)


class ShardedEcho(Patient, discord.AutoShardedClient):
    def __init__(self, **options: Any) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(intents=intents, guild_ready_timeout=0.0, **options)
        self.heard = []


@contextlib.asynccontextmanager
async def serving(**options: Any) -> AsyncGenerator[DiscordServer]:
    """Run a test server, and point discord.py at it as long as it runs."""
    server = DiscordServer(**options)
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    async with server.listening():
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = server.api, URL(server.gateway_url)
        try:
            yield server
        finally:
            Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@contextlib.asynccontextmanager
async def running(
    client: discord.Client, server: DiscordServer, *, shards: int = 1, ready: Callable[[], bool] | None = None
) -> AsyncGenerator[None]:
    """Run a client until the block ends; inside of it, its shards are connected."""
    task = asyncio.ensure_future(client.start(server.token))
    try:
        await server.until_connected(shards)
        yield
    finally:
        await client.close()
        await asyncio.wait([task], timeout=5)
        assert task.done()
        if not task.cancelled():
            task.exception()
