"""The client of discord.py, with just what the bot needs: it listens, and keeps nothing that it could ask for."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
import discord
import structlog
from discord import app_commands

from rostra.command import Commands
from rostra.components import Services

from .ears import Ears
from .hands import Hands
from .items import TEMPLATE
from .native import plant
from .settings import DiscordSettings
from .wire import deaf_to_itself, impatient

log = structlog.get_logger(__name__)


def intents(settings: DiscordSettings) -> discord.Intents:
    """Return what the bot asks Discord to tell it. Only the message content needs Discord's permission."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.guild_messages = wanted.dm_messages = True
    wanted.guild_reactions = wanted.dm_reactions = True
    wanted.message_content = settings.message_content
    return wanted


class Client(discord.AutoShardedClient):
    """Passes what happens on Discord to ears and hands."""

    def __init__(
        self,
        settings: DiscordSettings,
        ears: Ears,
        hands: Hands,
        services: Services,
        trace: aiohttp.TraceConfig | None = None,
    ) -> None:
        quiet = discord.AllowedMentions.none()
        quiet.replied_user = settings.ping
        super().__init__(
            intents=intents(settings),
            allowed_mentions=quiet,
            shard_count=settings.shards,
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            http_trace=trace or aiohttp.TraceConfig(),
        )
        impatient(self)
        deaf_to_itself(self)
        self.ears = ears
        self.hands = hands
        self.knows_commands = services.commands is not None
        self.tree: app_commands.CommandTree[Any] = Tree(self)
        plant(self.tree, services.commands or Commands(()), services.desk, hands, ears.name)

    @property
    def me(self) -> int:
        """The bot's own id."""
        return self.user.id if self.user is not None else 0

    @property
    def begun(self) -> bool:
        """Whether a login was tried: a client that never tried has nothing to close, and fails when it is closed."""
        loop = cast("object", self.loop)
        return isinstance(loop, asyncio.AbstractEventLoop)

    async def setup_hook(self) -> None:
        self.add_dynamic_items(Pressed)

    async def on_message(self, message: discord.Message) -> None:
        await self.ears.message(message, self.me)

    async def on_raw_message_edit(self, change: discord.RawMessageUpdateEvent) -> None:
        await self.ears.edited(change, self.me)

    async def on_raw_message_delete(self, gone: discord.RawMessageDeleteEvent) -> None:
        await self.ears.deleted(gone.channel_id, {gone.message_id})

    async def on_raw_bulk_message_delete(self, gone: discord.RawBulkMessageDeleteEvent) -> None:
        await self.ears.deleted(gone.channel_id, gone.message_ids)

    async def on_raw_reaction_add(self, change: discord.RawReactionActionEvent) -> None:
        await self.ears.reaction(change, self.me)

    async def on_raw_reaction_remove(self, change: discord.RawReactionActionEvent) -> None:
        await self.ears.reaction(change, self.me)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        data = cast("Mapping[str, Any]", interaction.data or {})
        form = TEMPLATE.fullmatch(str(data.get("custom_id", "")))
        if form is not None:
            await self.hands.submit(interaction, form["id"])

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        del args, kwargs  # discord.py would log them, and they hold what people wrote
        kind = sys.exc_info()[0]
        log.error("event broke", adapter=self.ears.name, method=event_method, error=kind and kind.__name__)


class Tree(app_commands.CommandTree[Client]):
    """Says in the log, and not to people, when a command breaks."""

    async def on_error(
        self, interaction: discord.Interaction[Client], error: app_commands.AppCommandError, /
    ) -> None:
        cause = error.__cause__ or error
        log.error("command broke", adapter=interaction.client.ears.name, error=type(cause).__name__)


class Pressed(discord.ui.DynamicItem[discord.ui.Item[Any]], template=TEMPLATE):
    """Whatever was pressed: discord.py finds it by its custom id alone, so that it works after a restart as well."""

    def __init__(self, item: discord.ui.Item[Any], id_: str, slot: int | None) -> None:
        super().__init__(item)
        self.id_ = id_
        self.slot = slot

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Pressed:
        del interaction
        return cls(item, match["id"], int(match["slot"]) if match["slot"] else None)

    async def callback(self, interaction: discord.Interaction) -> None:
        if isinstance(interaction.client, Client):
            await interaction.client.hands.press(interaction, self.id_, self.slot)
