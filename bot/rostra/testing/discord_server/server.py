"""A small Discord on a loopback port, for unmodified clients: what breaks there breaks here when a test says so."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from aiohttp import web

from ...clock import Clock, SystemClock
from .commands import ROUTES as COMMANDS
from .gateway import PRIVILEGED, Gateway
from .interactions import ROUTES as INTERACTIONS
from .messages import ROUTES as MESSAGES
from .people import People
from .rest import PREFIX, Backend, Call, application
from .throttle import Throttle
from .watch import Watch
from .world import Account, Channel, Guild, Post, World

T = TypeVar("T")

TOKEN = "test-token.of-the.loopback-server"  # noqa: S105  it opens nothing
"""The only bot token that the server takes."""


class DiscordServer:
    """One guild ``home`` with a channel ``general`` and a person ``ann``; `world` takes more.

    ``people`` do things, ``until`` waits for what comes of it, ``calls`` is what the bot asked for. ``gateway`` and
    ``throttle`` break things.
    """

    def __init__(self, *, clock: Clock | None = None, shards: int = 1, allowed: int = PRIVILEGED) -> None:
        clock = clock or SystemClock()
        self.token = TOKEN
        self.clock = clock
        self.world = World(clock=clock)
        self.watch = Watch()
        self.throttle = Throttle(clock=clock)
        self.home: Guild = self.world.guild("home")
        self.general: Channel = self.world.channel("general", self.home)
        self.ann: Account = self.world.person("ann", guild=self.home)
        self.gateway = Gateway(
            world=self.world,
            watch=self.watch,
            token=TOKEN,
            base=lambda: self.base,
            shards=shards,
            allowed=allowed,
        )
        self._backend = Backend(
            world=self.world,
            gateway=self.gateway,
            watch=self.watch,
            throttle=self.throttle,
            clock=clock,
            token=TOKEN,
            base=lambda: self.base,
        )
        self.people = People(backend=self._backend, ann=self.ann, general=self.general)
        self.port = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """The base of the REST routes: what stands for ``https://discord.com/api/v10``."""
        return self.base + PREFIX

    @property
    def gateway_url(self) -> str:
        """What stands for ``wss://gateway.discord.gg/``."""
        return self.base.replace("http", "ws", 1) + "/gateway"

    @property
    def bot(self) -> Account:
        return self.world.bot

    @property
    def calls(self) -> Sequence[Call]:
        """What the bot asked for, in order."""
        return self._backend.calls

    @property
    def acknowledged(self) -> Sequence[float]:
        """How many seconds of the clock each interaction waited for its first response, in order."""
        return self._backend.acknowledged

    def on_post(self, told: Callable[[Post], None]) -> None:
        """Call ``told`` with every message of the bot that is sent, changed or deleted, when it is."""
        self._backend.on_post = told

    def made(self, method: str, route: str) -> Sequence[Call]:
        """Return the calls of a route, by its template: ``made("PATCH", "/channels/{channel}/messages/{message}")``."""
        return [call for call in self.calls if call.method == method and call.route == route]

    def seen(self, channel: Channel | None = None, *, by: Account | None = None) -> Sequence[str]:
        """Return what is to be read of the bot, message by message, oldest first. Promises of answers are left out."""
        return [post.seen for post in self.people.sees(channel, by=by) if not post.thinking]

    async def until(self, true: Callable[[], T], seconds: float = 10.0) -> T:
        """Return what ``true`` returns once it is neither false nor empty; asked again whenever something happened.

        Raises `TimeoutError`, with the bot's last calls, after so many seconds of the machine's own clock.
        """
        try:
            return await self.watch.until(true, seconds)
        except TimeoutError:
            last = ", ".join(f"{call.method} {call.path} {call.status}" for call in self.calls[-5:])
            raise TimeoutError(f"not so after {seconds} s; the bot's last calls: {last or 'none'}") from None

    async def until_connected(self, sessions: int = 1) -> None:
        """Return once so many shards have a session with a live socket."""
        await self.until(lambda: len(self.gateway.connected) >= sessions)

    async def until_seen(self, text: str, channel: Channel | None = None) -> Post:
        """Return the bot's first message that has ``text`` in it, once there is one."""

        def found() -> Post | None:
            return next((post for post in self.people.sees(channel) if text in post.seen), None)

        post = await self.until(found)
        assert post is not None
        return post

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncGenerator[int]:
        """Listen on a free port of the loopback interface, or on ``port``. Yields the port."""
        runner = web.AppRunner(
            application(self._backend, [*MESSAGES, *COMMANDS, *INTERACTIONS]),
            access_log=None,
            shutdown_timeout=1.0,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            self.port = int(runner.addresses[0][1])
            yield self.port
        finally:
            self.gateway.close()
            await runner.cleanup()
