"""The Slack test server as a platform for the contract of adapters, with our adapter against it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rostra.components import Services
from rostra.protocols import Adapter
from rostra.testing.clock import ManualClock
from rostra.testing.contract import Shelf, absent
from rostra.testing.slack_server import Delivery, Kind, Message, SlackServer, Undelivered, User, shown
from rostra_adapters.slack import component
from rostra_adapters.slack.adapter import Slack

KINDS: tuple[Kind, ...] = ("events_api", "interactive", "slash_commands")
EMOJI = {"👍": "+1"}
SPARES = 2
"""Adapters that are opened beforehand, for `SlackPlatform.restart`: opening one is not done at once."""


@dataclass(slots=True, kw_only=True)
class SlackPlatform:
    """A workspace, the adapter in it, and somebody who writes to it: in private, or in a channel with a mention."""

    server: SlackServer
    clock: ManualClock
    adapters: list[Adapter]
    private: bool
    controls: Shelf
    roles: frozenset[str] = frozenset({"admin"})
    last: Message | None = None
    _filling: list[asyncio.Future[Any]] = field(default_factory=list[asyncio.Future[Any]])

    @property
    def adapter(self) -> Adapter:
        return self.adapters[0]

    @property
    def people(self) -> SlackPlatform:
        return self

    @property
    def faults(self) -> SlackPlatform:
        return self

    @property
    def user(self) -> User:
        return self.server.user("U1")

    @property
    def socket(self) -> bool:
        """Whether events come over Socket Mode."""
        return self.server.world.courier.transport is self.server.socket

    def users_say(self, *texts: str) -> None:
        for text in texts:
            self.last = self._say(text)

    def users_see(self) -> Sequence[str]:
        seen = [*self.server.answers(), *self.server.ephemeral]
        return [shown(message) for message in sorted(seen, key=lambda one: one.ts)]

    def acknowledged(self) -> int:
        return sum(one.acknowledged for one in self.server.deliveries if one.kind == "events_api")

    # People

    def press(self, label: str) -> None:
        self.user.press(label)

    def pick(self, *labels: str) -> None:
        message = self.server.answers()[-1]
        for block in message.blocks:
            for element in (block.get("accessory"), *block.get("elements", ())):
                if element and "select" in element["type"]:
                    self.user.select(element["action_id"], *labels, on=message)
                    return
        raise LookupError("nothing to pick in the newest message")

    def fill(self, fields: Mapping[str, str]) -> None:
        async def fill() -> None:
            await self.server.until(lambda: self.server.views)
            await self.user.submit(values=fields)

        self._filling.append(asyncio.ensure_future(fill()))

    def attach(self, text: str, name: str, media_type: str, data: bytes) -> None:
        self.last = self._say(text, files=[(name, media_type, data)])

    def edit(self, text: str) -> None:
        self._all_messages()
        assert self.last is not None
        self.user.edit(self.last, text)

    def delete(self) -> None:
        self._all_messages()
        assert self.last is not None
        self.user.delete(self.last)

    def react(self, emoji: str) -> None:
        self.user.react(self.server.answers()[-1], EMOJI[emoji])

    # Faults

    def repeat(self) -> None:
        assert self.last is not None
        for one in list(self.server.deliveries):
            # What is not acknowledged comes again by itself.
            if one.payload["event"].get("ts") == self.last.ts and one.acknowledged:
                self.server.repeat(one)

    def drop(self) -> None:
        if not self.socket:
            absent("over HTTP there is no connection")
        self.server.drop()

    async def reconnect(self) -> None:
        await self.server.until_connected(self.server.socket.connected + 1)

    async def fall_silent(self) -> None:
        if not self.socket:
            absent("over HTTP there is no connection")
        self.server.fall_silent()

    def storm(self, calls: int, retry_after: float) -> None:
        self.server.web.scripted.clear()
        self.server.storm(calls=calls, retry_after=int(retry_after))

    def unanswered(self) -> int:
        return sum(not one.over.is_set() for one in self.server.deliveries if one.kind != "events_api")

    def restart(self) -> Adapter:
        del self.adapters[0]
        return self.adapter

    async def close(self) -> None:
        await asyncio.gather(*self._filling)

    def _say(self, text: str, **more: Any) -> Message:
        return self.user.dm(text, **more) if self.private else self.user.mention("C1", text, **more)

    def _all_messages(self) -> None:
        if not self.private:
            absent("whoever only gets mentions is not told of edits and deletions")


@dataclass(frozen=True, slots=True)
class Posting:
    """Posts to the adapter that runs, wherever it listens; what is said before it does waits.

    What was not taken is posted again at once, and not after a minute: the contract does not wait for it.
    """

    platform: SlackPlatform

    async def send(self, delivery: Delivery, attempt: int, reason: str) -> dict[str, Any]:
        slack = self.platform.adapter
        assert isinstance(slack, Slack)
        await slack.bound.wait()
        self.platform.server.http.urls = dict.fromkeys(KINDS, f"{slack.url}/events")
        try:
            return await self.platform.server.http.send(delivery, attempt, reason)
        except Undelivered as error:
            raise Undelivered(error.reason, lost=True) from error

    async def close(self) -> None:
        pass


@asynccontextmanager
async def slack_platform(folder: Path, *, private: bool, http: bool = False) -> AsyncGenerator[SlackPlatform]:
    """Run a server and open the adapter for it: in private over Socket Mode, or otherwise."""
    clock, shelf = ManualClock(), Shelf()
    async with SlackServer(clock=clock) as server, AsyncExitStack() as stack:
        server.workspace.users["U1"]["is_admin"] = True
        if not private:
            # With both, what is a mention arrives twice, and only the store knows that it is one.
            server.world.subscribed -= {"message.channels"}
        settings = component.settings.model_validate(_settings(server, http=http))
        services = Services(name="slack", data=folder, base=folder, clock=clock)
        services = replace(services, controls=shelf)
        adapters: list[Adapter] = [
            await stack.enter_async_context(component.open(settings, services)) for _ in range(1 + SPARES)
        ]
        platform = SlackPlatform(
            server=server, clock=clock, adapters=adapters, private=private, controls=shelf
        )
        if http:
            server.world.courier.transport = Posting(platform)
        yield platform
        await platform.close()


def _settings(server: SlackServer, *, http: bool) -> dict[str, Any]:
    given: dict[str, Any] = {"bot_token": server.bot_token, "api": server.api}
    if http:
        secret = server.signing_secret
        return {**given, "mode": "http", "signing_secret": secret, "listen": "127.0.0.1:0"}
    return {**given, "app_token": server.app_token}
