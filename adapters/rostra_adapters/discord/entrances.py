"""Which door a reply goes through: that of its interaction while its token lasts, else its channel, else a direct message."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

import discord

from rostra.actions import Address
from rostra.clock import Clock
from rostra.errors import Rejected

from . import wire
from .doors import ChannelDoor, Door, TokenDoor
from .failures import as_ours
from .pieces import PENDING
from .settings import DiscordSettings

LASTS = timedelta(minutes=14, seconds=30)
"""How long an interaction's token is used. It is good for 15 minutes.

Source: https://docs.discord.com/developers/interactions/receiving-and-responding#followup-messages
"""


def extra_of(interaction: discord.Interaction, now: datetime) -> Mapping[str, str]:
    """Return what must be kept of an interaction to answer it later, before it is acknowledged."""
    return {
        "channel": str(interaction.channel_id or 0),
        "author": str(interaction.user.id),
        "application": str(interaction.application_id),
        "token": interaction.token,
        "until": (now + LASTS).isoformat(),
    }


class Entrances:
    """Finds the door for an address."""

    def __init__(self, settings: DiscordSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._over: set[str] = set()

    def channel(self, address: Address) -> str:
        """Return the channel whose budget of changes a reply uses."""
        return address.extra.get("channel") or address.place.thread or address.place.channel

    def can_whisper(self, address: Address) -> bool:
        """Return whether a private view reaches its reader where they asked."""
        return not address.place.workspace or self._open(address)

    def is_over(self, address: Address) -> None:
        """Remember that Discord takes the token of an interaction no longer."""
        if len(self._over) > 10_000:  # noqa: PLR2004  each is over by the clock as well, in minutes
            self._over.clear()
        self._over.add(address.question)

    async def door(self, client: discord.Client, address: Address, *, private: bool) -> Door:
        """Return the way for a reply. Raises `AdapterError`."""
        if self._open(address):
            return await self._token_door(client, address, private=private)
        if private and address.place.workspace:
            with as_ours("opening a direct message"):
                direct = await client.create_dm(discord.Object(int(address.extra["author"])))
            return ChannelDoor(client=client, id=direct.id)
        return self._channel_door(client, address)

    def in_place(self, client: discord.Client, address: Address) -> Door | None:
        """Return the way to the message whose control was pressed."""
        if not address.extra.get("message"):
            return None
        if self._open(address):
            return TokenDoor(webhook=_webhook(client, address))
        return None if address.extra.get("private") else self._channel_door(client, address)

    async def nothing_to_say(self, client: discord.Client, address: Address) -> None:
        """Take away what says that the bot is thinking."""
        thinking = address.extra.get("thinking")
        if thinking and self._open(address):
            with as_ours("taking back a response"):
                await _webhook(client, address).delete_message(int(thinking))

    async def typing(self, client: discord.Client, address: Address) -> None:
        """Show that an answer is being made; an interaction shows it by itself."""
        if "token" in address.extra:
            return
        with as_ours("typing"):
            await client.http.send_typing(int(self.channel(address)))

    async def _token_door(self, client: discord.Client, address: Address, *, private: bool) -> Door:
        webhook = _webhook(client, address)
        said, hidden = address.extra.get("thinking"), bool(address.extra.get("private"))
        thinking = int(said) if said else None
        if thinking and private and not hidden and not address.shown:
            # What everybody saw begin cannot become private, and as long as it has no text, whatever follows takes its
            # place: so it gets one, and goes. At a second attempt it is gone.
            with suppress(Rejected), as_ours("taking back a response"):
                await webhook.edit_message(thinking, content=PENDING)
                await webhook.delete_message(thinking)
            thinking = None
        return TokenDoor(webhook=webhook, thinking=thinking, private=private or hidden)

    def _open(self, address: Address) -> bool:
        until = address.extra.get("until")
        if not until or address.question in self._over:
            return False
        return self._clock.now() < datetime.fromisoformat(until)

    def _channel_door(self, client: discord.Client, address: Address) -> ChannelDoor:
        asked = "token" not in address.extra and address.question.isdigit()
        return ChannelDoor(
            client=client,
            id=int(self.channel(address)),
            guild=int(address.place.workspace) if address.place.workspace else None,
            question=int(address.question) if asked else None,
            ping=self._settings.ping,
        )


def _webhook(client: discord.Client, address: Address) -> discord.Webhook:
    return wire.webhook(client, int(address.extra["application"]), address.extra["token"])
