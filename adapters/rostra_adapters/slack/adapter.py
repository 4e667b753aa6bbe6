"""The adapter itself: one run over Socket Mode or HTTP, and what the core asks of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import assert_never

from rostra.actions import (
    Action,
    Address,
    Append,
    Begin,
    Capabilities,
    Finish,
    Receipt,
    Replace,
    Retract,
    Show,
    Typing,
)
from rostra.components import Services
from rostra.errors import ConfigError
from rostra.protocols import Accept

from ..budget import Budget
from ..server import serving
from . import assistant, socket
from .blocks import MARKDOWN
from .http import BODY, Endpoint
from .installs import InstalledTeams, InstallPages, States
from .listening import Listener
from .memory import Memory
from .office import Office
from .people import People
from .replies import Replies
from .settings import SlackSettings
from .showing import Poster
from .teams import OneTeam, Teams, needed
from .web import Line, connections

INTERVAL = 0.7
"""Seconds between two pieces of a stream: Slack takes a hundred calls a minute and more."""
CHANGES = 10
SECONDS = 12.0
"""Slack takes fifty changes of messages a minute in a workspace, and some more at once ("tier 3").

Source: https://docs.slack.dev/apis/web-api/rate-limits, https://docs.slack.dev/reference/methods/chat.update.
"""
RESERVE = 4.0
"""Of `CHANGES`, those that are kept for answers that end."""


class Slack:
    """A Slack app as `rostra.protocols.Adapter`."""

    def __init__(self, office: Office, pages: InstallPages | None = None) -> None:
        self.office = office
        self._pages = pages
        names = frozenset(one.path[0] for one in office.commands or ())
        self._replies = Replies(office.settings, office.poster, office.line.clock, names)
        self.bound = asyncio.Event()
        """Set while the HTTP server listens; `url` says where."""
        self.url = ""

    @property
    def name(self) -> str:
        return self.office.name

    @property
    def capabilities(self) -> Capabilities:
        settings = self.office.settings
        native, edits = settings.stream == "native", settings.stream != "off"
        return Capabilities(
            append=native,
            edit=edits,
            delete=True,
            buttons=True,
            forms=True,
            files=True,
            typing=True,
            length=MARKDOWN,
            interval=INTERVAL if native else settings.edit_seconds,
        )

    async def run(self, accept: Accept) -> None:
        """Take events until cancelled. Raises `ConfigError` where tokens do not work, and `AdapterError`."""
        await self.office.teams.ready()
        listener = Listener(office=self.office, accept=accept)
        try:
            if self.office.settings.mode == "socket":
                await self._run_socket(listener)
            else:
                await self._run_http(listener)
        finally:
            await listener.close()

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        del key  # Slack honours no nonce
        team = await needed(self.office.teams, address.place.workspace)
        match action:
            case Typing():
                await assistant.think(self.office, team, address)
                return Receipt(shown=address.shown)
            case Begin():
                shown: Sequence[str] = await self._replies.begin(team, address, action)
            case Append():
                shown = await self._replies.append(team, address, action)
            case Replace():
                shown = await self._replies.replace(team, address, action)
            case Retract():
                shown = await self._replies.retract(team, address, action)
            case Finish():
                shown = await self._replies.finish(team, address, action)
            case Show():
                shown = await self._replies.show(team, address, action)
            case _:
                assert_never(action)
        self.office.memory.keep(address.place, shown)
        return Receipt(shown=tuple(shown))

    async def _run_socket(self, listener: Listener) -> None:
        settings = self.office.settings
        token = settings.app_token
        await socket.listen(
            listener.app(),
            self.office.line,
            token.get_secret_value() if token else "",
            settings.silence_seconds,
        )

    async def _run_http(self, listener: Listener) -> None:
        settings, clock = self.office.settings, self.office.line.clock
        secret = settings.signing_secret
        endpoint = Endpoint(listener.app(), secret.get_secret_value() if secret else "", clock)
        routes = [*endpoint.routes(), *(self._pages.routes() if self._pages else ())]
        async with serving(settings.listen, clock=clock, proxies=settings.trusted_proxies) as server:
            with server.mount(settings.path, routes, body=BODY):
                self.url = server.url + settings.path
                self.bound.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    self.bound.clear()


@asynccontextmanager
async def opened(settings: SlackSettings, services: Services) -> AsyncGenerator[Slack]:
    """Open the adapter. Nothing is asked of Slack before it runs or performs something."""
    async with connections() as session:
        line = Line(api=settings.api, clock=services.clock, session=session)
        pages: InstallPages | None = None
        teams: Teams
        if settings.several:
            if services.store is None:
                raise ConfigError(
                    f"adapter {services.name!r} keeps its installations in the store; there is none"
                )
            teams = InstalledTeams(services.name, line, services.store, settings)
            states = States(services.name, services.store, services.clock)
            pages = InstallPages(settings, teams, states, line)
        else:
            token = settings.bot_token
            teams = OneTeam(services.name, line, token.get_secret_value() if token else "")
        people = People(services.clock, settings.roles_seconds)
        office = Office(
            settings=settings,
            services=services,
            line=line,
            teams=teams,
            people=people,
            poster=Poster(
                settings=settings,
                line=line,
                budget=Budget(services.clock, changes=CHANGES, seconds=SECONDS, reserve=RESERVE),
            ),
            memory=Memory(adapter=services.name, clock=services.clock, store=services.store),
        )
        try:
            yield Slack(office, pages)
        finally:
            await people.close()
            await teams.close()
