"""Installations in many workspaces: the page that begins one, what Slack gives back, and the tokens, which are kept sealed.

Everything is in a `rostra.stores.Drawer`: an installation under ``install/TEAM``, the state that ties the two ends of an
installation together under ``state/NAME``, good once and for ten minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.error import BoltError
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.installation_store.models.installation import Installation
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from rostra.clock import Clock, SystemClock
from rostra.errors import AdapterError, StoreError
from rostra.stores import Drawer

from .incoming import Home
from .manifest import SCOPES
from .quiet import library_logger
from .settings import API, SlackSettings
from .web import Line, Team, asked

log = structlog.get_logger(__name__)

STATE_SECONDS = 600
_STATE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
STATES = 100
"""Installations under way at a time: the page that begins one is open to everybody."""
AGAIN = 60.0
"""Seconds after which an exchange that failed is tried again."""
LEAVING = 5.0
REMEMBERED = 10_000
ROTATE = 7200.0
"""Seconds before its end at which a token is exchanged for the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """One workspace's installation. ``expires`` is when the token ends, in seconds of Unix time; None: it does not."""

    team: str
    bot: str
    bot_id: str
    token: str
    refresh: str = ""
    expires: float | None = None

    def __repr__(self) -> str:
        return f"Install(team={self.team!r})"

    def dump(self) -> bytes:
        """Return it as JSON."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}).encode()

    @staticmethod
    def load(data: bytes) -> Install:
        """Return what `dump` made. Raises `StoreError`."""
        try:
            return Install(**json.loads(data))
        except (ValueError, TypeError):
            raise StoreError("a stored installation cannot be read") from None


class InstalledTeams:
    """The workspaces that installed the bot: `rostra_adapters.slack.teams.Teams` over a drawer."""

    def __init__(self, adapter: str, line: Line, drawer: Drawer, settings: SlackSettings) -> None:
        self._adapter = adapter
        self._line = line
        self._drawer = drawer
        self._settings = settings
        self._known: OrderedDict[str, tuple[Install, Team]] = OrderedDict()
        self._rotating: dict[str, asyncio.Task[Install]] = {}
        self._quiet_until: dict[str, float] = {}

    async def of(self, team: str) -> Team | None:
        if not self._settings.allows_workspace(team):
            return None
        known = self._known.get(team)
        if known is None or self._ends(known[0], ROTATE):
            known = await self._found(team)
        return None if known is None else known[1]

    async def ready(self) -> None:
        log.info("installed", workspaces=len(await self._drawer.names(self._adapter, "install/")))

    async def close(self) -> None:
        """Let exchanges of tokens come to their end: a refresh token is good once, and the next is in the answer."""
        with contextlib.suppress(TimeoutError):
            async with self._line.clock.timeout(LEAVING):
                await asyncio.gather(*self._rotating.values(), return_exceptions=True)

    async def gone(self, team: str) -> None:
        self._known.pop(team, None)
        await self._drawer.remove(self._adapter, f"install/{team}")
        log.info("uninstalled")

    async def keep(self, install: Install) -> None:
        """Keep an installation, in place of an earlier one."""
        await self._drawer.put(self._adapter, f"install/{install.team}", install.dump())
        self._known.pop(install.team, None)

    async def _found(self, team: str) -> tuple[Install, Team] | None:
        known = self._known.get(team)
        install = known[0] if known is not None else await self._stored(team)
        if install is not None and self._ends(install, ROTATE):
            install = await self._renewed(install)
        if install is None:
            return None
        if known is None or known[0] != install:
            home = Home(adapter=self._adapter, team=install.team, bot=install.bot)
            known = install, self._line.team(home, install.bot_id, install.token)
            self._known[team] = known
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known

    async def _stored(self, team: str) -> Install | None:
        data = await self._drawer.get(self._adapter, f"install/{team}")
        return None if data is None else Install.load(data)

    def _ends(self, install: Install, within: float) -> bool:
        return install.expires is not None and install.expires - within <= self._line.clock.now().timestamp()

    async def _renewed(self, install: Install) -> Install | None:
        """Return the installation with a token that works. Nobody waits for the next one while the present one does.

        Raises `AdapterError` where the token has ended and there is no other.
        """
        team, now = install.team, self._line.clock.monotonic()
        if team not in self._rotating and self._quiet_until.get(team, 0.0) <= now:
            # Whoever asked may be cancelled; an exchange that was begun is finished.
            task = self._rotating[team] = asyncio.create_task(self._rotated(install))
            task.add_done_callback(lambda done: self._rotation_over(team, done))
        if not self._ends(install, 0.0):
            return install
        if team not in self._rotating:
            raise AdapterError("the workspace's token has ended and was not exchanged", retry_after=AGAIN)
        return await asyncio.shield(self._rotating[team])

    def _rotation_over(self, team: str, task: asyncio.Task[Install]) -> None:
        self._rotating.pop(team, None)
        self._known.pop(team, None)  # what is in the store is newer
        error = None if task.cancelled() else task.exception()
        if error is None:
            self._quiet_until.pop(team, None)
            return
        log.warning(
            "token not exchanged",
            error=str(error) if isinstance(error, AdapterError) else type(error).__name__,
        )
        self._quiet_until[team] = self._line.clock.monotonic() + AGAIN

    async def _rotated(self, install: Install) -> Install:
        """Return the installation with a new token, which is kept.

        Source: https://docs.slack.dev/authentication/using-token-rotation.
        """
        stored = await self._stored(install.team)
        if stored is not None and not self._ends(stored, ROTATE):
            return stored  # another process of the bot was faster
        answer = await _exchanged(
            self._line, self._settings, grant_type="refresh_token", refresh_token=install.refresh
        )
        fresh = Install(
            team=install.team,
            bot=install.bot,
            bot_id=install.bot_id,
            token=str(answer["access_token"]),
            refresh=str(answer.get("refresh_token") or install.refresh),
            expires=_end(answer, self._line.clock),
        )
        stored = await self._stored(install.team)
        if stored is None or stored.token != install.token:  # removed, or installed anew, meanwhile
            return stored or install
        await self.keep(fresh)
        return fresh


async def _exchanged(line: Line, settings: SlackSettings, **given: str) -> Mapping[str, Any]:
    """Return what Slack gives for a code or a refresh token. Raises `AdapterError`.

    slack_sdk's own method uses a part of aiohttp that is going away.
    """
    secret = settings.client_secret
    known = {"client_id": settings.client_id, "client_secret": secret.get_secret_value() if secret else ""}
    call = line.client(patient=5.0).api_call("oauth.v2.access", data={**known, **given})
    return await asked("oauth.v2.access", call)


def _end(answer: Mapping[str, Any], clock: Clock) -> float | None:
    lasting = answer.get("expires_in")
    return None if not lasting else clock.now().timestamp() + float(lasting)


class States(AsyncOAuthStateStore):
    """States of installations under way: each is good once."""

    def __init__(self, adapter: str, drawer: Drawer, clock: Clock) -> None:
        self._adapter = adapter
        self._drawer = drawer
        self._clock = clock
        self._turn = asyncio.Lock()  # of two browsers with one state, one is right

    async def async_issue(self, *args: Any, **kwargs: Any) -> str:
        del args, kwargs
        state, now = secrets.token_urlsafe(32), self._clock.now().isoformat(timespec="seconds")
        async with self._turn:
            if await self._sweep() >= STATES:
                raise StoreError(
                    f"{STATES} installations were begun in the last minutes; that is no coincidence"
                )
            await self._drawer.put(self._adapter, f"state/{state}", now.encode())
        return state

    async def async_consume(self, state: str) -> bool:
        if not _STATE.fullmatch(state):
            return False
        name = f"state/{state}"
        async with self._turn:
            data = await self._drawer.get(self._adapter, name)
            if data is None:
                return False
            await self._drawer.remove(self._adapter, name)
        return self._is_fresh(data)

    def _is_fresh(self, data: bytes) -> bool:
        age = self._clock.now() - datetime.fromisoformat(data.decode()).astimezone(UTC)
        return 0 <= age.total_seconds() <= STATE_SECONDS

    async def _sweep(self) -> int:
        """Remove what was begun and never finished. Return how many are still under way."""
        left = 0
        for name in await self._drawer.names(self._adapter, "state/"):
            data = await self._drawer.get(self._adapter, name)
            if data is None or not self._is_fresh(data):
                await self._drawer.remove(self._adapter, name)
            else:
                left += 1
        return left


class Installing(AsyncInstallationStore):
    """What slack_bolt hands an installation to. One that is not wanted is given back: its token is revoked."""

    def __init__(self, teams: InstalledTeams, settings: SlackSettings, line: Line) -> None:
        self._teams = teams
        self._settings = settings
        self._line = line

    async def async_save(self, installation: Installation) -> None:
        team, token = installation.team_id, installation.bot_token
        if not team or not token or not self._settings.allows_workspace(team):
            if token:
                await self._give_back(token)
            log.warning("installation refused", workspace=team or "an organisation")
            raise BoltError("the bot may not be installed in this workspace")
        # slack_sdk has added the machine's time to what Slack said.
        until = installation.bot_token_expires_at
        lasting = until - SystemClock().now().timestamp() if until else None
        await self._teams.keep(
            Install(
                team=team,
                bot=str(installation.bot_user_id or ""),
                bot_id=str(installation.bot_id or ""),
                token=token,
                refresh=installation.bot_refresh_token or "",
                expires=_end({"expires_in": lasting}, self._line.clock),
            )
        )
        log.info("installed in a workspace")

    async def _give_back(self, token: str) -> None:
        try:
            await asked("auth.revoke", self._line.client(token, patient=5.0).auth_revoke())
        except AdapterError as error:
            log.warning("token not revoked", error=str(error))


class _Flow(AsyncOAuthFlow):
    """slack_bolt's flow, with our way to Slack and to what it says."""

    def __init__(self, line: Line, settings: SlackSettings, flow: AsyncOAuthSettings) -> None:
        super().__init__(client=line.client(patient=5.0), logger=library_logger(), settings=flow)
        self._line = line
        self._ours = settings

    async def run_installation(self, code: str) -> Installation | None:
        given = {"code": code, **({"redirect_uri": self.redirect_uri} if self.redirect_uri else {})}
        try:
            answer = await _exchanged(self._line, self._ours, **given)
            token = str(answer.get("access_token") or "")
            who = await asked("auth.test", self._line.client(token, patient=5.0).auth_test())
        except AdapterError as error:
            log.warning("installation failed", error=str(error))
            return None
        team: Mapping[str, Any] = answer.get("team") or {}
        user: Mapping[str, Any] = answer.get("authed_user") or {}
        return Installation(
            app_id=answer.get("app_id"),
            team_id=team.get("id"),
            bot_token=token,
            bot_id=str(who.get("bot_id") or ""),
            bot_user_id=str(answer.get("bot_user_id") or who.get("user_id") or ""),
            bot_refresh_token=answer.get("refresh_token"),
            bot_token_expires_in=answer.get("expires_in"),
            user_id=str(user.get("id") or ""),
            is_enterprise_install=bool(answer.get("is_enterprise_install")),
        )


class InstallPages:
    """The two pages of an installation: ``/install``, and ``/oauth`` to which Slack sends the browser back."""

    def __init__(self, settings: SlackSettings, teams: InstalledTeams, states: States, line: Line) -> None:
        secret = settings.client_secret
        back = f"{settings.public_url.rstrip('/')}{settings.path}/oauth" if settings.public_url else None
        self._flow = _Flow(
            line,
            settings,
            AsyncOAuthSettings(
                client_id=settings.client_id,
                client_secret=secret.get_secret_value() if secret else "",
                scopes=SCOPES,
                user_scopes=[],
                redirect_uri=back,
                install_path=f"{settings.path}/install",
                redirect_uri_path=f"{settings.path}/oauth",
                authorization_url=None
                if settings.api == API
                else urljoin(settings.api, "/oauth/v2/authorize"),
                state_store=states,
                state_expiration_seconds=STATE_SECONDS,
                installation_store=Installing(teams, settings, line),
                installation_store_bot_only=True,
                logger=library_logger(),
            ),
        )

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, to be mounted."""
        return [web.get("/install", self._install), web.get("/oauth", self._back)]

    async def _install(self, request: web.Request) -> web.StreamResponse:
        return await to_aiohttp_response(await self._flow.handle_installation(_asked(request)))

    async def _back(self, request: web.Request) -> web.StreamResponse:
        return await to_aiohttp_response(await self._flow.handle_callback(_asked(request)))


def _asked(request: web.Request) -> AsyncBoltRequest:
    return AsyncBoltRequest(body="", query=request.query_string, headers=dict(request.headers))
