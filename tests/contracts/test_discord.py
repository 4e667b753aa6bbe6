"""The Discord adapter over sockets: unmodified discord.py, and the test server at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

import pytest

from rostra.components import Services
from rostra.protocols import Adapter
from rostra.testing.adapters import AdapterContract, Platform
from rostra.testing.clock import ManualClock
from rostra.testing.contract import Shelf
from rostra.testing.discord_server import Channel, DiscordServer, Post
from rostra.views import Form
from rostra_adapters.discord import wire
from rostra_adapters.discord.adapter import Discord
from rostra_adapters.discord.settings import DiscordSettings


class OnDiscord:
    """A platform for the contract: people, faults and what is seen, in a channel or in direct messages."""

    def __init__(self, server: DiscordServer, data: Path, clock: ManualClock, *, direct: bool) -> None:
        self.server = server
        self.clock = clock
        self.direct = direct
        self.controls = Shelf()
        self.roles: frozenset[str] = frozenset()
        if not direct:
            self.roles = frozenset({"judges", str(server.world.role("judges", server.home, server.ann))})
        self.said: list[Post] = []
        self.tasks: list[asyncio.Future[None]] = []
        self._data = data
        self._connections = 0
        self._adapters: list[Discord] = []
        wire.at(server.api)
        self.restart()

    # What every platform has.

    @property
    def adapter(self) -> Adapter:
        return self._adapters[-1]

    @property
    def people(self) -> OnDiscord:
        return self

    @property
    def faults(self) -> OnDiscord:
        return self

    def users_say(self, *texts: str) -> None:
        for text in texts:
            self._say(text)

    def users_see(self) -> Sequence[str]:
        return self.server.seen(self._channel, by=self.server.ann)

    def acknowledged(self) -> None:
        return None

    # What people do.

    def press(self, label: str) -> None:
        self.server.people.press(label)

    def pick(self, *labels: str) -> None:
        self.server.people.select(*labels)

    def fill(self, fields: Mapping[str, str]) -> None:
        self.tasks.append(asyncio.ensure_future(self._fill(fields)))

    def attach(self, text: str, name: str, media_type: str, data: bytes) -> None:
        self._say(text, files={name: data}, media_type=media_type)

    def edit(self, text: str) -> None:
        self.server.people.edit(self.said[-1], self._addressed(text))

    def delete(self) -> None:
        self.server.people.delete(self.said[-1])

    def react(self, emoji: str) -> None:
        self.server.people.react(self.server.people.sees(self._channel)[-1], emoji)

    # What breaks.

    def repeat(self) -> None:
        self.server.gateway.drop(rewind=100)

    def drop(self) -> None:
        self._connections = self._connected
        self.server.gateway.drop()

    async def reconnect(self) -> None:
        await self.server.until(lambda: self._connected > self._connections)

    async def fall_silent(self) -> None:
        self.server.gateway.fall_silent()

    def storm(self, calls: int, retry_after: float) -> None:
        self.server.throttle.storm(calls, retry_after)

    def unanswered(self) -> int:
        return sum(not one.acknowledged for one in self.server.world.interactions.values())

    def restart(self) -> Adapter:
        services = Services(
            name="discord", data=self._data, base=self._data, clock=self.clock, controls=self.controls
        )
        settings = DiscordSettings.model_validate(
            {"token": self.server.token, "api": self.server.api, "silence_seconds": 600}
        )
        self._adapters.append(Discord(settings, services))
        return self._adapters[-1]

    async def close(self) -> None:
        for task in self.tasks:
            await task
        for adapter in self._adapters:
            await adapter.close()
        wire.left(self.server.api)

    @property
    def _channel(self) -> Channel:
        return self.server.world.dm(self.server.ann) if self.direct else self.server.general

    @property
    def _connected(self) -> int:
        return self.server.gateway.resumed + len(self.server.gateway.identified)

    def _addressed(self, text: str) -> str:
        return text if self.direct else f"{self.server.bot.mention} {text}"

    def _say(self, text: str, *, files: Mapping[str, bytes] | None = None, media_type: str = "") -> None:
        post = self.server.people.say(
            self._addressed(text), channel=self._channel, files=files, media_type=media_type
        )
        self.said.append(post)

    async def _fill(self, fields: Mapping[str, str]) -> None:
        await self.server.until(
            lambda: any(one.modal is not None for one in self.server.world.interactions.values())
        )
        forms = [one for one in self.controls.shown.values() if isinstance(one, Form)]
        labels = {field.name: field.label for field in forms[-1].fields}
        self.server.people.submit({labels[name]: value for name, value in fields.items()})


class DiscordContract(AdapterContract):
    """What both kinds of places share."""

    direct = False
    dangerous = ("@everyone", "@here", "<@&1>", "<@1>")

    @pytest.fixture
    async def platform(self, tmp_path: Path) -> AsyncGenerator[Platform]:
        clock = ManualClock()
        server = DiscordServer(clock=clock)
        async with server.listening():
            made = OnDiscord(server, tmp_path, clock, direct=self.direct)
            yield made
            await made.close()


class TestInAChannel(DiscordContract):
    pass


class TestInDirectMessages(DiscordContract):
    direct = True
