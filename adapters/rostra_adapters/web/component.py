"""The component: mounts the page on the shared server for as long as it is open."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
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
from .levels import levels
from .oauth.accounts import take_back
from .oauth.attempts import Attempts
from .oauth.checks import findings
from .oauth.entry import Entry, connected_ways
from .oauth.ways import Way
from .operator import Operator, open_operator
from .rank import open_rank
from .rank_door import RankDoor
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
    await take_back(store, services.name, settings.sign_in.values())
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
        level=levels(services.desk),
    )
    operator = open_operator(services, settings, sign_in, drawing)
    async with (
        connected_ways(settings.sign_in, services.clock) as ways,
        serving(settings.listen, clock=services.clock, proxies=settings.trusted_proxies) as server,
    ):
        door = RankDoor(
            adapter=services.name,
            settings=settings,
            sign_in=sign_in,
            drawing=drawing,
            store=store,
            clock=services.clock,
            level=chat.level,
            url=server.url,
        )
        rank = [*door.routes(), *open_rank(services, store, door).routes()]
        routes = _routes(chat, drawing, ways, settings.public_url or server.url, operator, rank)
        with probed(server, services), server.mount("", routes, body=BODY), services.pages.open(door):
            link = await sign_in.operator_link() if settings.private else None
            if link is not None:
                until = f"good once, for {settings.link_minutes:g} minutes"
                announce(f"Open {server.url}/link/{link} to sign in as the operator ({until}).")
            try:
                yield adapter
            finally:
                adapter.feed.close()
                operator.close()


async def _with_an_owner(settings: WebSettings, sign_in: SignIn) -> None:
    """Raise `ConfigError` unless an owner can sign in."""
    if await sign_in.has_owner():
        return
    by_password = f"run `rostra account new NAME --role owner --adapter {sign_in.adapter}`"
    by_provider = (
        f"set roles.owner in [adapters.{sign_in.adapter}.sign_in.{next(iter(settings.sign_in), 'WORD')}]"
    )
    if not settings.sign_in:
        advice = by_password
    elif settings.accounts:
        advice = f"{by_password}, or {by_provider}"
    else:
        advice = f"{by_provider}, or set accounts = true and {by_password}"
    raise ConfigError(f"listen = {settings.listen!r} lets others ask, and no owner can sign in: {advice}")


def _routes(
    chat: Chat,
    drawing: Drawing,
    ways: Mapping[str, Way],
    base: str,
    operator: Operator,
    rank: Sequence[web.RouteDef],
) -> Sequence[web.RouteDef]:
    def tell(request: web.Request, status: int, said: str) -> web.Response:
        if wants_page(request):
            back = "/rank" if request.path.startswith("/rank/") else "/"
            text = drawing.page("error.html", status=status, said=said, back=back)
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
    entry = Entry(door=door, ways=ways, attempts=Attempts(chat.clock), base=base)
    found = [
        *door.routes(),
        *entry.routes(),
        *chat.routes(),
        *Events(chat=chat).routes(),
        *operator.routes(),
        *rank,
        web.get("/static/{name}", static),
    ]
    return [
        *(web.route(one.method, one.path, guarded(one.handler, tell)) for one in found),
        web.route("*", "/{path:.*}", guarded(nowhere, tell)),
    ]


def _told(line: str) -> None:
    """Tell whoever started the bot: by no log, for logs are kept and read by others."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


async def check(settings: WebSettings, services: Services) -> Sequence[Finding]:
    """Say where it will answer, how people sign in, and what keeps them from it."""
    ways = ["with a name and a password"] if settings.accounts else []
    ways += [f"with {one.name}" for one in settings.sign_in.values()]
    how = f"people sign in {', '.join(ways)}" if ways else "the printed link signs in"
    where = Finding(ok=True, what=f"http://{settings.listen}/: {how}")
    base = settings.public_url or f"http://{settings.listen}"
    return [where, *await findings(settings.sign_in, base, services.clock)]


component = Component(name="web", settings=WebSettings, open=opened, check=check)
