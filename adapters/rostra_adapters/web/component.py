"""The component: mounts the page on the shared server for as long as it is open."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web

from rostra.components import Component, Finding, Services
from rostra.errors import ConfigError

from ..probes import probed
from ..server import serving
from .adapter import Web
from .chat import Chat
from .door import Door
from .drawing import Drawing, open_drawing
from .events import Events
from .feed import Feed
from .guard import Refused, guarded, wants_page
from .settings import WebSettings
from .signin import Announce, SignIn

BODY = 200_000
"""Bytes of a request, at most."""
FOREVER = "public, max-age=31536000, immutable"


@asynccontextmanager
async def opened(settings: WebSettings, services: Services) -> AsyncGenerator[Web]:
    """Answer at ``settings.listen``. Raises `ConfigError` where that is taken, or nobody could sign in."""
    async with opened_with(settings, services, announce=_told) as adapter:
        yield adapter


@asynccontextmanager
async def opened_with(
    settings: WebSettings, services: Services, *, announce: Announce
) -> AsyncGenerator[Web]:
    """Open the page; ``announce`` gets the link that lets the operator in."""
    store = services.store
    if store is None:
        raise ConfigError("the page runs within a bot: `rostra serve`")
    sign_in = SignIn(adapter=services.name, settings=settings, store=store, clock=services.clock)
    if not settings.private:
        await _with_an_owner(settings, sign_in)
    drawing = open_drawing(settings.title)
    adapter = Web(name=services.name, feed=Feed(), drawing=drawing)
    commands = () if services.commands is None else tuple(services.commands)
    chat = Chat(
        page=adapter,
        settings=settings,
        sign_in=sign_in,
        drawing=drawing,
        store=store,
        clock=services.clock,
        commands=commands,
    )
    routes = _routes(chat, drawing)
    async with serving(settings.listen, clock=services.clock, proxies=settings.trusted_proxies) as server:
        with probed(server, services), server.mount("", routes, body=BODY):
            link = await sign_in.operator_link() if settings.private else None
            if link is not None:
                until = f"good once, for {settings.link_minutes:g} minutes"
                announce(f"Open {server.url}/link/{link} to sign in as the operator ({until}).")
            try:
                yield adapter
            finally:
                adapter.feed.close()


async def _with_an_owner(settings: WebSettings, sign_in: SignIn) -> None:
    """Raise `ConfigError` unless an owner can sign in."""
    accounts = await sign_in.store.accounts_of(sign_in.adapter)
    if not any("owner" in one.roles and one.password for one in accounts):
        raise ConfigError(
            f"listen = {settings.listen!r} lets others ask, and no owner can sign in:"
            f" run `rostra account new NAME --role owner --adapter {sign_in.adapter}`"
        )


def _routes(chat: Chat, drawing: Drawing) -> Sequence[web.RouteDef]:
    def tell(request: web.Request, status: int, said: str) -> web.Response:
        if wants_page(request):
            text = drawing.page("error.html", status=status, said=said)
            return web.Response(text=text, content_type="text/html", status=status)
        return web.json_response({"error": said}, status=status)

    async def static(request: web.Request) -> web.StreamResponse:
        asset = drawing.assets.get(request.match_info["name"])
        if asset is None:
            raise Refused(HTTPStatus.NOT_FOUND)
        headers = {"Cache-Control": FOREVER}
        return web.Response(body=asset.data, content_type=asset.media_type, charset="utf-8", headers=headers)

    async def nowhere(request: web.Request) -> web.StreamResponse:
        del request
        raise Refused(HTTPStatus.NOT_FOUND)

    door = Door(sign_in=chat.sign_in, drawing=drawing)
    found = [*door.routes(), *chat.routes(), *Events(chat=chat).routes(), web.get("/static/{name}", static)]
    return [
        *(web.route(one.method, one.path, guarded(one.handler, tell)) for one in found),
        web.route("*", "/{path:.*}", guarded(nowhere, tell)),
    ]


def _told(line: str) -> None:
    """Tell whoever started the bot: by no log, for logs are kept and read by others."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


async def check(settings: WebSettings, _: Services) -> Sequence[Finding]:
    """Say where it will answer, and how people sign in."""
    how = "people sign in with a name and a password" if settings.accounts else "the printed link signs in"
    return [Finding(ok=True, what=f"http://{settings.listen}/: {how}")]


component = Component(name="web", settings=WebSettings, open=opened, check=check)
