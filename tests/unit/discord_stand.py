"""A Discord in process (simcord: real discord.py against a model of Discord) and the whole bot behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import discord
import simcord

from rostra.app import App, open_app
from rostra.clock import Clock
from rostra.config import load
from rostra.events import Event
from rostra.protocols import Accept, Accepted, Duplicate
from rostra.testing.clock import ManualClock, settle
from rostra_adapters.discord.adapter import Discord

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.secret.secret"

CONFIG = """
[feedback]
thumbs = false

[storage]
url = "{url}"
[adapters.discord]
kind = "discord"
token = "{token}"
{adapter}
[models.canned]
kind = "canned"
otherwise = "Fine, thank you."
answers = {answers}
piece = {piece}
seconds = {seconds}
[moderators.rules]
kind = "rules"
lists = []
words.worst = {{ find = ["zorblax"], category = "hate", severity = 0.95, severe = true }}
[answerers.default.sampling]
max_tokens = 4000
{more}
"""


@dataclass
class Stand:
    """What a test has in its hands: the world of simcord, and the bot in it."""

    env: Any
    app: App
    adapter: Any
    clock: ManualClock
    heard: list[Event] = field(default_factory=list[Event])

    def __post_init__(self) -> None:
        if self.env._guilds:
            return  # the world of another bot before
        self.guild = self.env.create_guild()
        self.channel = self.guild.create_text_channel("general")
        self.ann = self.guild.add_member(self.env.create_user("ann"))

    @property
    def me(self) -> str:
        return f"<@{self.env.bot.user.id}>"

    async def done(self) -> None:
        """Return once everything that was accepted is seen to; time passes meanwhile."""
        drained = asyncio.ensure_future(self.app.reception.drain())
        while not drained.done():
            await asyncio.wait([drained], timeout=0.005)
            await self.clock.advance(0.25)
        await drained
        await settle()

    async def asks(self, text: str, *, channel: Any = None, by: Any = None, **given: Any) -> discord.Message:
        """Somebody mentions the bot; return their message once it is answered."""
        said = await (by or self.ann).send(channel or self.channel, f"{self.me} {text}", **given)
        await self.done()
        return cast("discord.Message", said)

    async def thread(self, name: str) -> Any:
        """Let the bot make a public thread in the channel, and return it."""
        channel = self.env.bot.get_channel(self.channel.id)
        await channel.create_thread(name=name, type=discord.ChannelType.public_thread)
        return self.channel.threads[-1]

    def forgets(self) -> None:
        """Let the bot forget what it saw and showed, as it does when it is started again."""
        self.adapter._ears.memory.__init__()

    def mine(self, channel: Any = None) -> list[discord.Message]:
        """The messages of the bot in a channel, oldest first."""
        history: list[discord.Message] = (channel or self.channel).history()
        return sorted(
            (one for one in history if one.author.id == self.env.bot.user.id), key=lambda one: one.id
        )

    def texts(self, channel: Any = None) -> list[str]:
        return [one.content for one in self.mine(channel)]

    def calls(self, method: str, path: str = "") -> list[Any]:
        """What was asked of Discord's REST API."""
        return [one for one in self.env.http_requests if one.method == method and path in one.path]


async def _forever(client: discord.AutoShardedClient, clock: Clock) -> None:
    await asyncio.Event().wait()


def configured(
    folder: Path,
    *,
    adapter: str = "",
    more: str = "",
    answers: dict[str, str] | None = None,
    piece: int = 8,
    seconds: float = 0.0,
    url: str = "memory:",
) -> Path:
    table = ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in (answers or {}).items())
    file = folder / "rostra.toml"
    file.write_text(
        CONFIG.format(
            url=url,
            token=TOKEN,
            adapter=adapter,
            answers=f"{{{table}}}",
            piece=piece,
            seconds=seconds,
            more=more,
        ),
        encoding="utf-8",
    )
    return file


@asynccontextmanager
async def bot_of(file: Path, folder: Path, clock: ManualClock) -> AsyncGenerator[tuple[App, Discord]]:
    """Open the bot that ``file`` describes, its adapter waiting for a client that simcord logs in."""
    settings = load(file, {"ROSTRA_DATA": str(folder / "data")})
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(settings, clock=clock))
        adapter = cast("Discord", app.parts.adapters["discord"])
        cast("Any", adapter)._connect = _forever
        yield app, adapter


@asynccontextmanager
async def running(app: App, heard: list[Event]) -> AsyncGenerator[None]:
    """Run the bot outside of what simcord waits for: its clock is the test's."""
    arrived: asyncio.Queue[tuple[Event, asyncio.Future[Accepted | Duplicate]]] = asyncio.Queue()
    taken: Accept = app.reception.accept

    async def accept(event: Event) -> Accepted | Duplicate:
        answer = asyncio.get_running_loop().create_future()
        arrived.put_nowait((event, answer))
        return cast("Accepted | Duplicate", await answer)

    async def work() -> None:
        while True:
            event, answer = await arrived.get()
            heard.append(event)
            try:
                answer.set_result(await taken(event))
            except Exception as error:  # noqa: BLE001  it belongs to whoever offered the event
                answer.set_exception(error)

    app.reception.accept = accept  # type: ignore[method-assign]
    tasks = [asyncio.ensure_future(work()), asyncio.ensure_future(app.run())]
    adapter = cast("Any", app.parts.adapters["discord"])
    while adapter._ears.accept is None and not tasks[1].done():
        await asyncio.wait([tasks[1]], timeout=0.005)
    await settle()
    try:
        yield
    finally:
        app.stop()
        while not tasks[1].done():
            await asyncio.wait([tasks[1]], timeout=0.005)
            await cast("ManualClock", app.parts.clock).advance(0.5)
        tasks[0].cancel()
        await asyncio.gather(tasks[0], return_exceptions=True)
        tasks[1].result()


@asynccontextmanager
async def stand(
    folder: Path, *, options: dict[str, Any] | None = None, **config: Any
) -> AsyncGenerator[Stand]:
    """Open a world with one server, one channel and one person, and a bot that runs in it."""
    clock, heard = ManualClock(), list[Event]()
    async with (
        bot_of(configured(folder, **config), folder, clock) as (app, adapter),
        simcord.run(adapter.make(), **{"shard_count": 1, **(options or {})}) as env,
    ):
        with env.time_context():
            async with running(app, heard):
                yield Stand(env, app, adapter, clock, heard)
