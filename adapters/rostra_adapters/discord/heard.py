"""From discord.py's objects to our values: who, where, and what was said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import discord

from rostra.places import Person, Place

from .settings import DiscordSettings

_MENTIONS = re.compile(r"<(@[!&]?|#)([0-9]{5,20})>")

Somewhere: TypeAlias = "discord.abc.MessageableChannel | discord.interactions.InteractionChannel | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A channel of Discord as we see it: ``id`` is where messages go, ``parent`` the channel that a thread belongs to."""

    id: str
    guild: str = ""
    parent: str | None = None

    @property
    def thread(self) -> bool:
        return self.parent is not None

    @property
    def direct(self) -> bool:
        return not self.guild

    @property
    def channel(self) -> str:
        """What a place calls the channel: that of a thread is the one it belongs to."""
        return self.parent or self.id


def spot(channel: object, guild: int | None) -> Spot:
    """Return where something happened."""
    parent = channel.parent_id if isinstance(channel, discord.Thread) else None
    return Spot(
        id=str(getattr(channel, "id", 0)),
        guild="" if guild is None else str(guild),
        parent=None if parent is None else str(parent),
    )


def place(where: Spot, adapter: str, conversation: str | None = None) -> Place:
    """Return the place of ``conversation``; a thread of Discord is one conversation, and so is a direct message."""
    thread = where.id if where.thread else (None if where.direct else conversation)
    return Place(adapter=adapter, workspace=where.guild, channel=where.channel, thread=thread)


def allowed(where: Spot, settings: DiscordSettings) -> bool:
    """Return whether the settings let the bot work there."""
    if where.direct:
        return settings.direct_messages
    if not (settings.guilds or settings.channels):
        return True
    here = not settings.guilds or where.guild in settings.guilds
    return here and (not settings.channels or bool({where.id, where.channel} & set(settings.channels)))


def listened(where: Spot, settings: DiscordSettings) -> bool:
    """Return whether every message there is a question."""
    return bool(settings.listen) and (where.id in settings.listen or where.channel in settings.listen)


def person(user: discord.abc.User) -> Person:
    """Return who did something, with the ids and the names of their roles, but for the one that everybody has."""
    roles: set[str] = set()
    if isinstance(user, discord.Member):
        for role in user.roles:
            if not role.is_default():
                roles |= {str(role.id), role.name}
    return Person(id=str(user.id), kind="bot" if user.bot else "human", roles=frozenset(roles))


def addressed(message: discord.Message, me: int) -> bool:
    """Return whether a message mentions the bot, by its name or by the role that Discord made for it."""
    if any(user.id == me for user in message.mentions):
        return True
    mine = message.guild.self_role if message.guild is not None else None
    return mine is not None and mine.id in message.raw_role_mentions


def question(message: discord.Message, me: int) -> str:
    """Return what was said, without the mention of the bot and with the names of whom and what else was mentioned."""
    said = message.content
    if "<" not in said:
        return said.strip()
    names: dict[str, str] = {f"@{user.id}": f"@{user.display_name}" for user in message.mentions}
    if message.guild is not None and "<@&" in said:
        names |= {f"&{role.id}": f"@{role.name}" for role in message.role_mentions}
        if message.guild.self_role is not None:
            names[f"&{message.guild.self_role.id}"] = ""
    if message.guild is not None and "<#" in said:
        names |= {f"#{channel.id}": f"#{channel.name}" for channel in message.channel_mentions}
    names[f"@{me}"] = ""
    return _named(said, names).strip()


def _named(text: str, names: Mapping[str, str]) -> str:
    def name(found: re.Match[str]) -> str:
        kind = found[1][-1].replace("!", "@")
        return names.get(kind + found[2], found[0])

    return _MENTIONS.sub(name, text)
