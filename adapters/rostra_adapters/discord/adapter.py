"""The Discord adapter: one bot account, its connection, and what goes in and out through it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

import aiohttp
import discord

from rostra.actions import Action, Address, Capabilities, Receipt
from rostra.clock import Clock
from rostra.components import Services
from rostra.errors import AdapterError, ConfigError
from rostra.protocols import Accept

from ..budget import Budget
from . import wire
from .client import Client
from .ears import Ears
from .failures import cannot_start
from .hands import Hands
from .headers import heard_by
from .memory import Memory
from .pieces import LENGTH
from .settings import DiscordSettings
from .sync import synchronise_or_say
from .voice import Voice
from .watch import Watch

Connect: TypeAlias = Callable[[discord.AutoShardedClient, Clock], Awaitable[None]]
"""Receives events until the client is closed; tests that bring their own gateway bring their own."""

EDITS_SECONDS = 5.0
"""Seconds in which a channel puts up with `DiscordSettings.edits` changes. Source: measured by many; Discord states none."""

EDITS_RESERVE = 2.0
"""Of these changes, those that are kept for answers that end."""

CLOSING = 10.0
"""Seconds that leaving Discord may take."""

STARTING = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError)
"""What discord.py raises when it cannot log in or stay connected."""


class Discord:
    """`rostra.protocols.Adapter` for Discord. Open it with the component, which closes it."""

    def __init__(
        self, settings: DiscordSettings, services: Services, *, connect: Connect = wire.connect
    ) -> None:
        self.name = services.name
        self.settings = settings
        self._services = services
        self._connect = connect
        memory = Memory()
        self._ears = Ears(services.name, settings, services.clock, memory)
        self._hands = Hands(self._ears, services.controls)
        self._budget = Budget(
            services.clock, changes=settings.edits, seconds=EDITS_SECONDS, reserve=EDITS_RESERVE
        )
        self._voice = Voice(settings, services.clock, memory, self._budget)
        self._client: Client | None = None
        self._logging_in = asyncio.Lock()
        self.capabilities = Capabilities(
            edit=True,
            delete=True,
            nonce=True,
            buttons=True,
            forms=True,
            files=True,
            typing=True,
            length=LENGTH,
            interval=settings.edit_seconds,
        )

    async def run(self, accept: Accept) -> None:
        """Listen until the connection ends for good. Raises `ConfigError` where trying again is no use."""
        client = await self.client()
        self._ears.accept = accept
        watch = Watch(
            client,
            self._services.clock,
            silence=self.settings.silence_seconds,
            probe=self.settings.probe_seconds,
        )
        watching = asyncio.ensure_future(watch.run())
        try:
            await synchronise_or_say(client, client.tree, self._services)
            await self._connect(client, self._services.clock)
        except STARTING as error:
            raise cannot_start(error, self.name) from None
        finally:
            self._ears.accept = None
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self.close()

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        client = self._client
        if client is None or not _ready(client):
            try:
                client = await self.client()
            except ConfigError as error:
                raise AdapterError(str(error)) from None
        return await self._voice.perform(client, address, action, key)

    def make(self) -> Client:
        """Return a client that is not logged in, and use it from now on."""
        trace = heard_by(self._budget)
        self._client = Client(self.settings, self._ears, self._hands, self._services, trace)
        return self._client

    async def client(self) -> Client:
        """Return a client that is logged in: Discord can be spoken to before it is listened to, and after."""
        async with self._logging_in:
            if self._client is not None and _ready(self._client):
                return self._client
            client = self.make()
            try:
                await client.login(self.settings.token.get_secret_value())
            except STARTING as error:
                await self.close()
                raise cannot_start(error, self.name) from None
            return client

    async def close(self) -> None:
        """Leave Discord, in a bounded time."""
        client, self._client = self._client, None
        if client is not None and not client.is_closed() and client.begun:
            with suppress(TimeoutError):
                async with self._services.clock.timeout(CLOSING):
                    await client.close()


def _ready(client: Client) -> bool:
    """Say whether Discord can be spoken to through ``client``."""
    return client.user is not None and not client.is_closed()
