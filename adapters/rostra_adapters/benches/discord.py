"""What the Discord adapter costs: events a second and acknowledgements, through the whole bot and a bare discord.py.

Both answer each mention with one message, and each ``/ask`` with a deferred response that is then filled in, for a
Discord in another process. The bot has a canned model, rules moderation, history and limits; the bare client echoes.
Rates are by processor time of the contender's process, in which nothing else runs, except with durability on, where waiting
for the disk is the point: see ``docs/why/adapters.md``.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

from rostra.benches.report import percentile

from .discord_load import ANSWER
from .told import told
from .whole import whole_bot

EVENTS, COMMANDS, ROUNDS = 1_000, 400, 5
QUICK_EVENTS, QUICK_COMMANDS = 150, 100
AT_ONCE = 50
"""Questions under way at any time."""

WARM = 200
"""Mentions before the measuring begins: roles, routes and code are known from there on."""

Where: TypeAlias = Mapping[str, str]
Contender: TypeAlias = Callable[[Where], AbstractAsyncContextManager[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Events a second by processor and by clock, the seconds until each command was acknowledged, and MB at most."""

    by_processor: float
    by_clock: float
    acknowledged: tuple[float, ...]
    memory: float


async def measure(quick: bool) -> Mapping[str, float]:  # noqa: FBT001  what the bench of all adapters calls
    """Return figures by name: ``…_per_second``, ``…_ms``, ``…_mb``, and ratios ``…_vs_…``.

    Raises `ModuleNotFoundError` without discord.py.
    """
    import_module("discord")
    events, commands, rounds = (QUICK_EVENTS, QUICK_COMMANDS, 1) if quick else (EVENTS, COMMANDS, ROUNDS)
    measured = [await _round(events, commands, number) for number in range(rounds)]
    return {name: statistics.median(one[name] for one in measured) for name in measured[0]}


async def _round(events: int, commands: int, number: int) -> Mapping[str, float]:
    """Measure each once, one right after the other: what slows the machine down slows all of them."""
    names = list(CONTENDERS)
    first = number % len(names)  # nobody is always the one to follow another
    runs = {name: await run(name, events, commands) for name in names[first:] + names[:first]}
    theirs, replying = runs["bare"], runs["bare_that_replies"]
    ours, kept = runs["in_memory"], runs["durable"]
    return {
        "discord_per_second": ours.by_processor,
        "discord_durable_per_second": kept.by_clock,
        "bare_discordpy_per_second": theirs.by_processor,
        "bare_discordpy_that_replies_per_second": replying.by_processor,
        "discord_ack_p50_ms": _ms(kept, 50),
        "discord_ack_p99_ms": _ms(kept, 99),
        "discord_memory_ack_p50_ms": _ms(ours, 50),
        "discord_memory_ack_p99_ms": _ms(ours, 99),
        "bare_discordpy_ack_p50_ms": _ms(theirs, 50),
        "bare_discordpy_ack_p99_ms": _ms(theirs, 99),
        "discord_peak_memory_mb": max(ours.memory, kept.memory),
        "discord_vs_bare_discordpy": ours.by_processor / theirs.by_processor,
        "discord_vs_bare_discordpy_that_replies": ours.by_processor / replying.by_processor,
        "discord_vs_bare_discordpy_by_clock": ours.by_clock / theirs.by_clock,
        "discord_durable_vs_bare_discordpy_by_clock": kept.by_clock / theirs.by_clock,
    }


def _ms(run: Run, percent: int) -> float:
    return percentile(run.acknowledged, percent) * 1000


async def run(name: str, events: int, commands: int) -> Run:
    """Let the contender of this name answer ``events`` mentions, then ``commands`` commands."""
    async with (
        told("discord_load", str(AT_ONCE)) as load,
        told("contender", "discord", name, json.dumps(load.first)) as contender,
    ):
        await load.tell(f"mentions {AT_ONCE} {WARM}")
        before = await contender.tell("taken")
        done = await load.tell(f"mentions {AT_ONCE} {events}")
        after = await contender.tell("taken")
        commanded = await load.tell(f"commands {AT_ONCE} {commands}")
    return Run(
        by_processor=events / (after["processor"] - before["processor"]),
        by_clock=events / done["seconds"],
        acknowledged=tuple(commanded["acknowledged"]),
        memory=after["memory"],
    )


@asynccontextmanager
async def bare(where: Where) -> AsyncGenerator[None]:
    """Run discord.py as its own examples do."""
    async with _echoing(where, replies=False):
        yield


@asynccontextmanager
async def bare_that_replies(where: Where) -> AsyncGenerator[None]:
    """Run discord.py with answers that refer to the question, as ours do: Discord sends it back with each of them."""
    async with _echoing(where, replies=True):
        yield


@asynccontextmanager
async def _echoing(where: Where, *, replies: bool) -> AsyncGenerator[None]:
    import discord
    from discord import app_commands
    from discord.gateway import DiscordWebSocket
    from discord.http import Route
    from yarl import URL

    class Echo(discord.Client):
        async def setup_hook(self) -> None:
            await tree.sync()

        async def on_message(self, message: discord.Message) -> None:
            if message.author == self.user:
                return
            if replies:
                await message.reply(ANSWER, mention_author=False)
            else:
                await message.channel.send(ANSWER)

    client = Echo(intents=discord.Intents.default())
    tree: app_commands.CommandTree[Any] = app_commands.CommandTree(client)

    @tree.command(name="ask", description="Ask")
    async def ask(interaction: discord.Interaction, question: str) -> None:
        del question
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(content=ANSWER)

    del ask
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = where["api"], URL(where["gateway"])
    running = asyncio.ensure_future(client.start(where["token"]))
    try:
        yield
    finally:
        await client.close()
        await asyncio.wait([running])
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@asynccontextmanager
async def in_memory(where: Where) -> AsyncGenerator[None]:
    """Run the whole bot; nothing is kept."""
    async with whole_bot(_adapter(where), ANSWER):
        yield


@asynccontextmanager
async def durable(where: Where) -> AsyncGenerator[None]:
    """Run the whole bot on SQLite: what is asked is on disk before it is answered."""
    async with whole_bot(_adapter(where), ANSWER, durable=True):
        yield


def _adapter(where: Where) -> Mapping[str, object]:
    return {"kind": "discord", "token": where["token"], "api": where["api"]}


CONTENDERS: Mapping[str, Contender] = {
    "bare": bare,
    "in_memory": in_memory,
    "bare_that_replies": bare_that_replies,
    "durable": durable,
}
"""In this order, so that the two that are compared follow one another."""
