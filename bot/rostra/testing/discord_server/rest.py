"""The REST side: who asks, what for, how fast, and what is written down of it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from aiohttp import BodyPartReader, web

from ...clock import Clock
from .gateway import Event, Gateway
from .refusals import Refused, unauthorized, unknown
from .throttle import Throttle
from .watch import Watch
from .world import Attached, Channel, Json, Post, World

PREFIX = "/api/v10"

_SECRET = re.compile(r"(/(?:webhooks|interactions)/\d+/)[^/]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that the bot made. Tokens in its path are masked; its headers are not kept."""

    method: str
    path: str
    route: str
    status: int
    body: Any
    at: float
    files: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Backend:
    """What all routes work on."""

    world: World
    gateway: Gateway
    watch: Watch
    throttle: Throttle
    clock: Clock
    token: str
    base: Callable[[], str]
    calls: list[Call] = field(default_factory=list[Call])
    acknowledged: list[float] = field(default_factory=list[float])
    on_post: Callable[[Post], None] = lambda _: None

    def tell(self, name: str, data: Json, channel: Channel, *, plain: bool = True) -> None:
        """Send an event about a channel through the gateway."""
        guild = channel.guild.id if channel.guild else None
        self.gateway.tell(Event(name=name, data=data, guild=guild, plain=plain))

    def plain(self, post: Post) -> bool:
        """Whether the bot may read a message without the message-content intent."""
        world = self.world
        return (
            post.author is world.bot
            or post.channel.guild is None
            or world.bot in world.mentioned(post.text)
            or (post.reply_to is not None and post.reply_to.author is world.bot)
        )

    def channel(self, ident: str) -> Channel:
        """Return a channel that the bot may use. Raises `Refused`."""
        channel = self.world.channels.get(int(ident)) if ident.isdigit() else None
        if channel is None or channel.gone:
            raise unknown("Channel")
        if channel.closed:
            raise Refused(403, 50001, "Missing Access")
        return channel

    def post(self, channel: Channel, ident: str) -> Post:
        """Return a message of a channel that is still there. Raises `Refused`."""
        post = self.world.posts.get(int(ident)) if ident.isdigit() else None
        if post is None or post.deleted or post.channel is not channel:
            raise unknown("Message")
        return post


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, read: path parameters, query, JSON body, files."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    files: Mapping[str, Attached]

    @property
    def given(self) -> Json:
        """The body as an object; empty where there is none."""
        body: object = self.body
        return cast("Json", body) if isinstance(body, dict) else {}

    def __getitem__(self, name: str) -> str:
        return self.params[name]


Handler: TypeAlias = Callable[[Backend, Asked], Any]
"""Answers with JSON, or None for 204. Raises `Refused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``open`` ones take no bot token: the path has one of its own."""

    method: str
    path: str
    handler: Handler
    open: bool = False


def application(backend: Backend, routes: Sequence[Route]) -> web.Application:
    """Return the web application with these routes, the gateway and the files of messages."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_get("/gateway", backend.gateway.serve)
    app.router.add_get("/gateway/", backend.gateway.serve)
    app.router.add_get("/attachments/{channel}/{file}/{name}", _files(backend))
    for route in routes:
        app.router.add_route(route.method, PREFIX + route.path, _serve(backend, route))
    app.router.add_route("*", "/{path:.*}", _serve(backend, Route(method="*", path="", handler=_nowhere)))
    return app


def _nowhere(_: Backend, asked: Asked) -> Any:
    raise Refused(404, 0, f"404: Not Found: the test server has no route {'/' + asked['path']!r}")


def _files(backend: Backend) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        for post in backend.world.posts.values():
            for file in post.files:
                if str(file.id) == request.match_info["file"] and not post.deleted:
                    return web.Response(body=file.data, content_type="application/octet-stream")
        return web.Response(status=404)

    return serve


def _serve(backend: Backend, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        asked = await _read(backend, request)
        status, answer, headers = _answer(backend, route, request, asked)
        path = _SECRET.sub(r"\1…", request.path.removeprefix(PREFIX))
        call = Call(
            method=request.method,
            path=path,
            route=route.path,
            status=status,
            body=asked.body,
            at=backend.clock.monotonic(),
            files=tuple(file.name for file in asked.files.values()),
        )
        backend.calls.append(call)
        backend.watch.changed()
        if answer is None:
            return web.Response(status=status, headers=headers)
        # discord.py compares the content type as it stands: no charset may follow it.
        body = json.dumps(answer).encode()
        return web.Response(status=status, body=body, headers={**headers, "Content-Type": "application/json"})

    return serve


def _answer(
    backend: Backend, route: Route, request: web.Request, asked: Asked
) -> tuple[int, Any, Mapping[str, str]]:
    major = next((asked.params[name] for name in ("channel", "webhook", "guild") if name in asked.params), "")
    headers: Mapping[str, str] = {}
    try:
        if not route.open and request.headers.get("Authorization") != f"Bot {backend.token}":
            raise unauthorized()
        slow, headers = backend.throttle.take(request.method, route.path, major)
        if slow is not None:
            return 429, slow.body, slow.headers
        answer = route.handler(backend, asked)
    except Refused as refused:
        return refused.status, refused.body, headers
    return (200 if answer is not None else 204), answer, headers


async def _read(backend: Backend, request: web.Request) -> Asked:
    """Read a request: JSON, or multipart with its JSON in ``payload_json`` and its files in ``files[n]``."""
    body: Any = None
    files: dict[str, Attached] = {}
    if request.content_type.startswith("multipart/"):
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            data = bytes(await part.read())
            if part.name == "payload_json":
                body = json.loads(data)
            else:
                number = (part.name or "").removeprefix("files[").removesuffix("]")
                files[number] = backend.world.attached(part.filename or "file", data)
    elif request.can_read_body:
        body = json.loads(await request.read() or b"null")
    return Asked(params=request.match_info, query=request.query, body=body, files=files)
