"""What the Discord adapter costs: events a second and acknowledgements, through the whole bot and a bare discord.py.

Both answer each mention with one message, and each ``/ask`` with a deferred response that is then filled in, for a
Discord in another process. The bot has a canned model, rules moderation, history and limits; the bare client echoes.
Rates are by processor time of this process, so that neighbours on the machine do not count, except with durability on,
where waiting for the disk is the point.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from rostra.app import App, open_app
from rostra.benches.report import percentile
from rostra.config import Settings

from .discord_load import ANSWER

EVENTS, COMMANDS, ROUNDS = 1_000, 400, 5
QUICK_EVENTS, QUICK_COMMANDS = 150, 100
AT_ONCE = 50
"""Questions under way at any time."""

Where: TypeAlias = Mapping[str, str]
Contender: TypeAlias = Callable[[Where], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Events a second by processor and by clock, and the seconds until each command was acknowledged."""

    by_processor: float
    by_clock: float
    acknowledged: tuple[float, ...]


async def measure(quick: bool) -> Mapping[str, float]:  # noqa: FBT001  what the bench of all adapters calls
    """Return figures by name: ``…_per_second``, ``…_ms``, and ratios ``…_vs_…``."""
    events, commands, rounds = (QUICK_EVENTS, QUICK_COMMANDS, 1) if quick else (EVENTS, COMMANDS, ROUNDS)
    await run(bare, events // 10, commands // 10)  # warm up
    measured = [await _round(events, commands) for _ in range(rounds)]
    return {name: statistics.median(one[name] for one in measured) for name in measured[0]}


async def _round(events: int, commands: int) -> Mapping[str, float]:
    """Measure each once, one right after the other: what slows the machine down slows all of them."""
    theirs = await run(bare, events, commands)
    typing = await run(bare_that_types, events, commands)
    ours = await run(in_memory, events, commands)
    kept = await run(durable, events, commands)
    return {
        "discord_per_second": ours.by_processor,
        "discord_durable_per_second": kept.by_clock,
        "bare_discordpy_per_second": theirs.by_processor,
        "bare_discordpy_with_typing_per_second": typing.by_processor,
        "discord_ack_p50_ms": _ms(kept, 50),
        "discord_ack_p99_ms": _ms(kept, 99),
        "discord_memory_ack_p99_ms": _ms(ours, 99),
        "bare_discordpy_ack_p50_ms": _ms(theirs, 50),
        "bare_discordpy_ack_p99_ms": _ms(theirs, 99),
        "discord_vs_bare_discordpy": ours.by_processor / theirs.by_processor,
        "discord_vs_bare_discordpy_with_typing": ours.by_processor / typing.by_processor,
        "discord_vs_bare_discordpy_by_clock": ours.by_clock / theirs.by_clock,
        "discord_durable_vs_bare_discordpy": kept.by_clock / theirs.by_clock,
    }


def _ms(run: Run, percent: int) -> float:
    return percentile(run.acknowledged, percent) * 1000


async def run(contender: Contender, events: int, commands: int) -> Run:
    """Let one contender answer ``events`` mentions, then ``commands`` commands."""
    async with _discord() as (process, where), contender(where):
        await _told(process, f"mentions {AT_ONCE} {AT_ONCE}")  # roles, routes and code are known from here on
        start = time.process_time()
        done = await _told(process, f"mentions {AT_ONCE} {events}")
        spent = time.process_time() - start
        commanded = await _told(process, f"commands {AT_ONCE} {commands}")
    return Run(
        by_processor=events / spent,
        by_clock=events / done["seconds"],
        acknowledged=tuple(commanded["acknowledged"]),
    )


@asynccontextmanager
async def _discord() -> AsyncGenerator[tuple[Process, Where]]:
    command = (sys.executable, "-m", "rostra_adapters.benches.discord_load", str(AT_ONCE))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=2**24)
    try:
        yield process, await _line(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _told(process: Process, line: str) -> Any:
    if process.stdin is None:
        raise RuntimeError("no pipe to the load")
    process.stdin.write(f"{line}\n".encode())
    return await _line(process)


async def _line(process: Process) -> Any:
    if process.stdout is None or not (line := await process.stdout.readline()):
        raise RuntimeError("the load ended; it says why above")
    return json.loads(line)


@asynccontextmanager
async def bare(where: Where) -> AsyncGenerator[None]:
    """Run discord.py as its own examples do."""
    async with _echoing(where, types=False):
        yield


@asynccontextmanager
async def bare_that_types(where: Where) -> AsyncGenerator[None]:
    """Run discord.py with a typing indicator before each answer, as our bot shows one."""
    async with _echoing(where, types=True):
        yield


@asynccontextmanager
async def _echoing(where: Where, *, types: bool) -> AsyncGenerator[None]:
    import discord
    from discord import app_commands
    from discord.gateway import DiscordWebSocket
    from discord.http import Route
    from yarl import URL

    class Echo(discord.Client):
        async def setup_hook(self) -> None:
            await tree.sync()

        async def on_message(self, message: discord.Message) -> None:
            if message.author != self.user:
                if types:
                    await message.channel.typing()
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
    async with _bot(where, "memory:"):
        yield


@asynccontextmanager
async def durable(where: Where) -> AsyncGenerator[None]:
    """Run the whole bot on SQLite: what is asked is on disk before it is answered."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        async with _bot(where, f"sqlite:///{folder}/rostra.db"):
            yield


@asynccontextmanager
async def _bot(where: Where, url: str) -> AsyncGenerator[App]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate(
            {
                "data": folder,
                "adapters": {"discord": {"kind": "discord", "token": where["token"], "api": where["api"]}},
                "models": {"model": {"kind": "canned", "otherwise": ANSWER, "piece": 100}},
                "moderators": {"rules": {"kind": "rules"}},
                "feedback": {"thumbs": False},  # no more in the message than the bare client sends
                "storage": {"url": url},
                "limits": {"per_person_per_minute": 10**9, "per_place_per_minute": 10**9, "burst": 10**9},
            }
        )
        async with open_app(settings) as app, AsyncExitStack() as stack:
            running = asyncio.ensure_future(app.run())
            stack.push_async_callback(_stopped, app, running)
            yield app


async def _stopped(app: App, running: asyncio.Future[None]) -> None:
    app.stop()
    await running
