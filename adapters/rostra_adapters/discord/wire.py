"""The few places where discord.py's own inside is touched: where Discord is, how long it may wait, how a shard lives.

discord.py has no setting for the address of Discord, and its reconnecting goes to a constant: `at` sets both, for the
whole process. It also would sleep for as long as a 429 says, on a clock of its own; `impatient` makes it raise
`discord.RateLimited` instead, so that waiting stays in one place, `rostra.delivery`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import MultipartParameters, Ratelimit, Route, handle_message_parameters

from rostra.clock import Clock
from rostra.errors import ConfigError

from .failures import patiently
from .settings import API

AT_ONCE = 1e-3
"""Seconds that discord.py may wait by itself for a rate limit to pass."""

_used: Counter[str] = Counter()


def at(api: str) -> None:
    """Let discord.py speak with the Discord at this address. Raises `ConfigError` where another one is in use."""
    if api != Route.BASE and +_used:
        raise ConfigError(
            f"api = {api!r}: discord.py speaks with one Discord per process, and {Route.BASE!r} is in use"
        )
    _used[api] += 1
    Route.BASE = api


def left(api: str) -> None:
    """Say that nobody needs this address any more."""
    _used[api] -= 1
    if not +_used:
        Route.BASE = API
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL("wss://gateway.discord.gg/")


class Open(Ratelimit):
    """A bucket of discord.py's that lets everything through: `rostra_adapters.budget` does the waiting.

    discord.py waits on a clock of its own, and keeps what has used a bucket up from returning until it is full again.
    """

    __slots__ = ()

    async def acquire(self) -> None:
        return

    async def __aexit__(self, *error: object) -> None:
        return


def impatient(client: discord.Client) -> None:
    """Let ``client`` raise `discord.RateLimited` rather than wait."""
    client.http.max_ratelimit_timeout = AT_ONCE
    client.http.get_ratelimit = _open  # type: ignore[method-assign]


def _open(key: str) -> Ratelimit:
    del key
    return Open(None)


def deaf_to_itself(client: discord.Client) -> None:
    """Let ``client`` make no message of what the bot itself has said: Discord brings that back, and nobody asks for it."""
    parsers: Any = client._connection.parsers  # noqa: SLF001  discord.py can filter nothing before it has made an object of it  # pyright: ignore[reportPrivateUsage]
    heard = parsers["MESSAGE_CREATE"]

    def hear(data: Any) -> None:
        if client.user is None or data["author"]["id"] != str(client.user.id):
            heard(data)

    parsers["MESSAGE_CREATE"] = hear


async def send(client: discord.Client, channel: int, **given: Any) -> tuple[str, str]:
    """Send a message to ``channel`` and return its id and its text; ``given`` are the arguments of discord.py's ``send``.

    That one makes an object of the message, of whoever sent it, and of the message it answers.
    """
    with handle_message_parameters(previous_allowed_mentions=client.allowed_mentions, **given) as parameters:
        sent = await client.http.send_message(channel, params=parameters)
    return str(sent["id"]), sent["content"]


async def send_text(client: discord.Client, channel: int, payload: dict[str, Any]) -> tuple[str, str]:
    """Send a message that is a text, as the ``payload`` that Discord takes, and return its id and its text."""
    parameters = MultipartParameters(payload=payload, multipart=None, files=None)
    sent = await client.http.send_message(channel, params=parameters)
    return str(sent["id"]), sent["content"]


async def connect(client: discord.AutoShardedClient, clock: Clock) -> None:
    """Receive events until the client is closed. Raises what discord.py does, or `AdapterError`."""
    # Asked for once: discord.py would ask again by itself, and for a reconnect it would not ask at all.
    shards, url, _ = await patiently(clock, "asking for the gateway", client.http.get_bot_gateway)
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url).with_query(None)
    client.shard_count = client.shard_count or shards
    await client.connect()


def pulse(client: discord.AutoShardedClient, shard: int) -> int | None:
    """Return the number of the last event that came through a shard's socket; None where nothing did yet."""
    sequence: int | None = _socket(client, shard).sequence
    return sequence


async def ask_who_i_am(client: discord.AutoShardedClient, shard: int, guild: int, me: int) -> None:
    """Ask for something that the gateway answers with an event: the bot's own membership, which needs no intent.

    Source: https://docs.discord.com/developers/events/gateway-events#request-guild-members
    """
    await _socket(client, shard).request_chunks(guild, user_ids=[me], limit=1, nonce="rostra")


async def hang_up(client: discord.AutoShardedClient, shard: int) -> None:
    """Close a shard's socket so that its worker resumes the session: any code but 1000 keeps it."""
    await _socket(client, shard).close(4000)


def webhook(client: discord.Client, application: int, token: str) -> discord.Webhook:
    """Return what answers an interaction: discord.py makes it from an interaction it has just got, and not from a token.

    `discord.Webhook.partial` makes another kind, which cannot send what only one person sees.
    """
    data: Any = {"id": application, "type": discord.WebhookType.application.value, "token": token}
    return discord.Webhook.from_state(data, client._connection)  # noqa: SLF001  as above  # pyright: ignore[reportPrivateUsage]


def _socket(client: discord.AutoShardedClient, shard: int) -> Any:
    return client._get_websocket(shard_id=shard)  # noqa: SLF001  discord.py has no public way to a shard's socket  # pyright: ignore[reportPrivateUsage]
