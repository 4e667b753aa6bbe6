"""A Slack for tests, on a loopback port of its own, in the loop of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from aiohttp import web

from ...clock import Clock, SystemClock
from . import files, interactions
from .blocks import shown
from .delivery import Delivery, Kind
from .http_mode import HttpMode, Posted
from .oauth import OAuth
from .people import User
from .rules import Limits
from .socket_mode import SocketMode
from .streams import expire
from .values import Call, Channel, ChannelKind, Json, Message, Stream, View, Workspace
from .web_api import Scripted, WebApi
from .world import SCOPES, World


class SlackServer:
    """Slack, as far as an app can tell: use it as an asynchronous context manager.

    It starts with the workspace ``T1``, where the app is installed, with the people ``U1`` and ``U2`` and the channel
    ``C1`` (``#general``), in which the bot is. Point an app's Web API client at `api`. ``patience`` are the seconds, of
    the machine's own clock, that `until` waits; every other time is that of ``clock``.
    """

    def __init__(
        self, *, clock: Clock | None = None, limits: Limits | None = None, patience: float = 5.0
    ) -> None:
        self.world = World(clock or SystemClock(), limits or Limits())
        self.patience = patience
        self.socket = SocketMode(self.world, lambda: f"{self.world.address.replace('http', 'ws')}/link")
        self.http = HttpMode(self.world)
        self.oauth = OAuth(self.world)
        self.web = WebApi(self.world, self.socket, self.oauth)
        self.world.courier.transport = self.socket
        self._runner: web.AppRunner | None = None
        self.add_workspace("T1", users=("U1", "U2"), channels={"C1": "general"})

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/api/{method}", self.web.answer)
        app.router.add_get("/link", self.socket.link)
        app.router.add_get("/oauth/v2/authorize", self.oauth.authorize)
        app.router.add_post("/response/{name}", self._with(interactions.take_response))
        app.router.add_post("/upload/v1/{file}", self._with(files.take))
        app.router.add_get("/files-pri/{file}/{rest:.*}", self._with(files.give))
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.world.address = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.world.courier.close()
        await self.socket.close()
        await self.http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _with(self, serve: Callable[[World, web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handler(request: web.Request) -> web.StreamResponse:
            answer: web.StreamResponse = await serve(self.world, request)
            return answer

        return handler

    @property
    def api(self) -> str:
        """What to give an app in place of ``https://slack.com/api/``."""
        return f"{self.world.address}/api/"

    @property
    def authorize_url(self) -> str:
        """What to give an app in place of ``https://slack.com/oauth/v2/authorize``."""
        return f"{self.world.address}/oauth/v2/authorize"

    @property
    def app_token(self) -> str:
        """The app-level token, for Socket Mode."""
        return self.web.app_token

    @property
    def signing_secret(self) -> str:
        return self.http.signing_secret

    @property
    def workspace(self) -> Workspace:
        """The first workspace."""
        return next(iter(self.world.workspaces.values()))

    @property
    def bot_token(self) -> str:
        """The bot's token of the first workspace."""
        return self.workspace.bot_token

    # Who and what there is

    def add_workspace(
        self,
        name: str,
        *,
        users: Sequence[str] = (),
        channels: dict[str, str] | None = None,
        installed: bool = True,
    ) -> Workspace:
        """Add a workspace with the id ``name``, its people by id, its channels by id and name, and the bot in them."""
        bot = f"UBOT{name}"
        workspace = Workspace(
            id=name,
            name=f"Team {name}",
            bot_token=f"xoxb-{name}-secret",
            bot_user=bot,
            bot_id=f"BBOT{name}",
            scopes=set(SCOPES),
            installed=installed,
        )
        self.world.workspaces[name] = workspace
        self.add_user(bot, team=name, name="rostra", is_bot=True)
        for user in users:
            self.add_user(user, team=name)
        for channel, title in (channels or {}).items():
            self.add_channel(title, id_=channel, team=name, members=users)
        return workspace

    def add_user(self, user: str, *, team: str = "", name: str = "", **more: Any) -> User:
        """Add somebody, with ``is_admin``, ``is_owner``, ``tz`` or whatever else ``users.info`` has."""
        workspace = self._workspace(team)
        called = name or user.lower()
        workspace.users[user] = {
            "id": user,
            "team_id": workspace.id,
            "name": called,
            "real_name": called.title(),
            "deleted": False,
            "is_bot": False,
            "is_admin": False,
            "is_owner": False,
            "tz": "Europe/Berlin",
            "locale": "en-GB",
            "profile": {"display_name": called, "real_name": called.title()},
            **more,
        }
        return User(self.world, workspace, user)

    def add_channel(
        self,
        name: str,
        *,
        id_: str = "",
        team: str = "",
        kind: ChannelKind = "channel",
        members: Sequence[str] = (),
        bot: bool = True,
    ) -> Channel:
        """Add a channel, with the bot in it unless ``bot`` is False."""
        workspace = self._workspace(team)
        inside = {*members, *([workspace.bot_user] if bot else [])}
        channel = Channel(id=id_ or self.world.new_id("C"), name=name, kind=kind, members=inside)
        workspace.channels[channel.id] = channel
        return channel

    def user(self, user: str, *, team: str = "") -> User:
        """Return somebody, added to the workspace where they are not known."""
        workspace = self._workspace(team, user)
        if user not in workspace.users:
            return self.add_user(user, team=workspace.id)
        return User(self.world, workspace, user)

    def _workspace(self, team: str, user: str = "") -> Workspace:
        if team:
            return self.world.workspaces[team]
        owners = (one for one in self.world.workspaces.values() if user in one.users)
        return next(owners, self.workspace)

    # What there is to see

    def messages(self, channel: str | None = None, *, thread_ts: str | None = None) -> Sequence[Message]:
        """Return what can be seen, oldest first, of one channel (or all) or thread, whoever wrote it."""
        found: list[Message] = []
        for workspace in self.world.workspaces.values():
            for place in workspace.channels.values():
                if channel in {None, place.id, f"#{place.name}"}:
                    found += workspace.in_channel(place.id, thread_ts)
        return sorted(found, key=lambda one: one.ts)

    def answers(self, channel: str | None = None, *, thread_ts: str | None = None) -> Sequence[Message]:
        """Return those of the `messages` that the bot wrote."""
        return [one for one in self.messages(channel, thread_ts=thread_ts) if one.bot]

    def text(self, channel: str | None = None, *, thread_ts: str | None = None) -> str:
        """Return what people see of the bot's `answers`, joined."""
        return "\n".join(shown(one) for one in self.answers(channel, thread_ts=thread_ts))

    @property
    def ephemeral(self) -> Sequence[Message]:
        """What was shown to one person alone, oldest first; `Message.to` says to whom."""
        found = [one for workspace in self.world.workspaces.values() for one in workspace.ephemeral]
        return [one for one in found if not one.deleted]

    @property
    def views(self) -> Sequence[View]:
        """The modals that are open, the one on top last."""
        return [one for one in self.world.views.values() if one.open]

    @property
    def streams(self) -> Sequence[Stream]:
        """Every stream there ever was; `Stream.open` says whether it still is."""
        return self.world.streams

    @property
    def status(self) -> dict[tuple[str, str], str]:
        """The status of assistant threads, by channel and thread; what was said takes it away."""
        return self.world.status

    @property
    def calls(self) -> Sequence[Call]:
        """Every call of the Web API, tokens masked."""
        return self.world.calls

    def called(self, method: str) -> Sequence[Call]:
        """Return the calls of one method."""
        return [one for one in self.world.calls if one.method == method]

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Everything that was sent to the app."""
        return self.world.courier.sent

    async def until(self, predicate: Callable[[], Any], seconds: float | None = None) -> Any:
        """Return what ``predicate`` gives once that is true; it is asked whenever something changed.

        Raises `TimeoutError`, which names the last calls and their errors.
        """
        return await self.world.until(predicate, self.patience if seconds is None else seconds)

    async def until_text(self, text: str, channel: str | None = None) -> str:
        """Return what people see of the bot once ``text`` is in it."""

        def seen() -> str:
            whole = self.text(channel)
            return whole if text in whole else ""

        found: str = await self.until(seen)
        return found

    async def delivered(self) -> None:
        """Return once everything sent so far was acknowledged, or given up."""
        await asyncio.gather(*(one.over.wait() for one in self.deliveries))

    async def until_connected(self, times: int = 1) -> None:
        """Return once the app is connected, for the ``times``-th time."""
        await self.until(lambda: self.socket.connected >= times and self.socket.connections)

    # What can go wrong

    def storm(self, method: str = "*", *, calls: int = 1, retry_after: int = 1) -> None:
        """Answer the next ``calls`` calls of methods that fit with 429 and ``Retry-After``."""
        body: Json = {"ok": False, "error": "ratelimited"}
        headers = {"Retry-After": str(retry_after)}
        self.web.scripted.append(
            Scripted(pattern=method, calls=calls, status=429, body=body, headers=headers)
        )

    def fail(
        self, method: str, error: str, *, calls: int = 1, status: int = 200, after: bool = False
    ) -> None:
        """Answer the next ``calls`` calls of methods that fit with ``error``.

        With ``after`` the call is done all the same: what is lost is the answer.
        """
        body: Json = {"ok": False, "error": error}
        self.web.scripted.append(
            Scripted(pattern=method, calls=calls, status=status, body=body, headers={}, after=after)
        )

    def hold(self, method: str) -> asyncio.Event:
        """Let every call of ``method`` wait until the event that is returned is set."""
        gate = self.web.gates[method] = asyncio.Event()
        return gate

    def held(self, method: str) -> int:
        """Return how many calls of ``method`` wait now."""
        return self.web.waiting.get(method, 0)

    def repeat(self, delivery: Delivery | None = None, *, reason: str = "timeout") -> Delivery:
        """Send an event again, the last one unless it is given, as a retry: same ``event_id``, next number."""
        events = [one for one in self.deliveries if one.kind == "events_api"]
        again = delivery or events[-1]
        copy = Delivery(id=again.id, kind=again.kind, team=again.team, payload=again.payload)
        return self.world.courier.send(copy, attempt=max(again.attempts, 1), reason=reason)

    def expire_streams(self) -> None:
        """Close every open stream from the server's side, as happens five minutes after it was started."""
        for stream in self.world.streams:
            if stream.open:
                expire(self.world, stream)

    def drop(self) -> None:
        """Break every Socket Mode connection without a word."""
        self.socket.drop()

    def fall_silent(self, *, deaf: bool = False) -> None:
        """Let the connections live and deliver nothing; ``deaf`` ones do not answer pings either."""
        self.socket.fall_silent(deaf=deaf)

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask the app to connect anew."""
        await self.socket.disconnect(reason)

    # HTTP in place of Socket Mode

    def deliver_to(
        self, events: str, *, interactivity: str | None = None, commands: str | None = None
    ) -> None:
        """Post to these addresses from now on instead of using Socket Mode."""
        self.http.urls = {
            "events_api": events,
            "interactive": interactivity or events,
            "slash_commands": commands or events,
        }
        self.world.courier.transport = self.http

    async def post(
        self,
        delivery: Delivery,
        *,
        kind: Kind | None = None,
        secret: str | None = None,
        age: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> Posted:
        """Post something once more by hand: with another ``secret``, ``age`` seconds old, or other ``headers``."""
        return await self.http.post(
            kind or delivery.kind, delivery.payload, secret=secret, age=age, headers=headers
        )

    async def verify_url(self) -> bool:
        """Ask the app for the challenge, as Slack does when an address is entered; return whether it was right."""
        challenge = self.world.new_id("challenge-")
        payload = {
            "type": "url_verification",
            "challenge": challenge,
            "token": self.world.verification_token,
        }
        answer = await self.http.post("events_api", payload)
        return answer.status == 200 and challenge in answer.text
