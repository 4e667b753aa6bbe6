"""What an administrator does on Discord: the link that invites the bot with the least permissions, and the switches."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import discord

from rostra.components import Services

from .settings import DiscordSettings

NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    read_message_history=True,
    attach_files=True,
)
"""What the bot needs in a channel: to read a mention and what it answers, and to answer, with a file if it is long."""

SCOPES = ("bot", "applications.commands")

UNKNOWN = "YOUR_APPLICATION_ID"

_WHERE = "\n\n   The application's id is on its General Information page."

_TEXT = """\
1. Open https://discord.com/developers/applications and make an application.
2. Bot page: "Reset token", and put the token where {where} reads it. Nobody else may see it.
3. Bot page, Privileged Gateway Intents: {intents}
4. Invite the bot to your server with the least it needs ({permissions}):

   {link}{unknown}
"""


def application_of(token: str) -> str:
    """Return the id that the first part of a bot's token holds, or a placeholder where it holds none.

    >>> application_of("MTIzNDU2Nzg5MDEyMzQ1Njc4.x.y")
    '123456789012345678'
    """
    first = token.partition(".")[0]
    try:
        found = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return UNKNOWN
    return found if found.isdigit() and len(found) >= 15 else UNKNOWN  # noqa: PLR2004  snowflakes are longer


def words(permissions: discord.Permissions) -> Sequence[str]:
    """Return what is permitted, in words that Discord's own pages use."""
    names = {"read_messages": "view channels"}
    return [names.get(name, name.replace("_", " ")) for name, on in permissions if on]


def link(application: str) -> str:
    """Return the link that invites the bot.

    Source: https://docs.discord.com/developers/topics/oauth2#bot-authorization-flow
    """
    scopes = "+".join(SCOPES)
    return f"https://discord.com/oauth2/authorize?client_id={application}&scope={scopes}&permissions={NEEDED.value}"


def instructions(settings: DiscordSettings, services: Services) -> str:
    """Return what to do, step by step."""
    intents = (
        "switch on the message content intent; leave the others off."
        if settings.message_content
        else "leave all of them off. Mentions, direct messages and commands need none."
    )
    application = application_of(settings.token.get_secret_value())
    return _TEXT.format(
        where=f"[adapters.{services.name}] token",
        intents=intents,
        permissions=", ".join(words(NEEDED)),
        link=link(application),
        unknown=_WHERE if application == UNKNOWN else "",
    )
