"""Finding the conversation that a message of Discord belongs to, by asking for what it answers."""

from __future__ import annotations

import discord

from rostra.errors import AdapterError

from .chains import Chains, Link
from .failures import as_ours

BEFORE = 10
"""Messages that are looked at before one of the bot's own, to find the first of an answer in several."""

SEARCHED = 50
"""Messages of a channel that are looked at for the latest conversation of somebody who uses a command there."""


def answers(message: discord.Message) -> str | None:
    """Return the id of what a message answers, if that is in the same channel."""
    reference = message.reference
    if reference is None or reference.message_id is None or reference.channel_id != message.channel.id:
        return None
    return None if message.message_snapshots else str(reference.message_id)


async def conversation(message: discord.Message, me: int, chains: Chains) -> str:
    """Return the id of the message with which the conversation of ``message`` began."""

    async def fetch(id_: str) -> Link | None:
        about = message.reference.resolved if message.reference else None
        try:
            with as_ours("reading what a message answers"):
                if isinstance(about, discord.Message) and str(about.id) == id_:
                    return await _link(about, me)
                return await _link(await message.channel.fetch_message(int(id_)), me)
        except AdapterError:
            return None  # it is gone, or the bot may not read back: the conversation begins after it

    return await chains.find(await _link(message, me), fetch)


async def _link(message: discord.Message, me: int) -> Link:
    above = answers(message)
    if above is None and message.author.id == me and message.interaction_metadata is None:
        above = await _before(message, me)
    return Link(id=str(message.id), answers=above)


async def _before(message: discord.Message, me: int) -> str | None:
    """Return the first of the bot's messages right before this one: the further ones of an answer answer nothing."""
    async for earlier in message.channel.history(limit=BEFORE, before=message):
        if earlier.author.id != me:
            return None
        if answers(earlier) is not None or earlier.interaction_metadata is not None:
            return str(earlier.id)
    return None


async def latest(channel: discord.abc.Messageable, person: int, me: int, chains: Chains) -> str | None:
    """Return the conversation that somebody last had with the bot in a channel, as far as its newest messages tell."""
    try:
        with as_ours("reading a channel"):
            async for message in channel.history(limit=SEARCHED):
                if message.author.id == person and any(user.id == me for user in message.mentions):
                    return await conversation(message, me, chains)
    except AdapterError:
        pass  # without the permission to read back, nothing older is known
    return None
