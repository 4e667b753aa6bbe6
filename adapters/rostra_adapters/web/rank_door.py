"""Who ranks: people who are signed in, and those of a chat who came by a link, which lets them do nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from aiohttp import web

from rostra.accounts import TOKEN, new_token
from rostra.addresses import is_loopback
from rostra.clock import Clock
from rostra.feedback.booth import Visitor
from rostra.pages import Link
from rostra.passes import Pass
from rostra.places import Permission, Person, Place
from rostra.stores import Store

from .door import brought
from .drawing import Drawing
from .guard import FORM, Refused, body_of, form_of, onwards
from .levels import Level, home
from .settings import WebSettings
from .signin import GREETING, SignIn, csrf_of, drop, fits, name, put

COOKIE = "rostra-rank"
GREETED = 3600
"""Seconds that a form to go on is good."""
OVER = "This link was used, or its time is over. Write /rank web in the chat to get a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """Whoever ranks: a pseudonym of the store, who they are on the platform of ``place``, and what they may do there.

    ``guest``: they came by a link from a chat. ``token`` is of their session.
    """

    person: str
    author: Person
    place: Place
    permission: Permission
    token: str
    called: str = ""
    guest: bool = False

    @property
    def csrf(self) -> str:
        """What every change they ask for must carry."""
        return csrf_of(self.token)

    def visitor(self, event: str, at: datetime, surface: str) -> Visitor:
        """Return them as feedback knows them, at an event of theirs."""
        return Visitor(person=self.person, place=self.place, event=event, at=at, surface=surface)


@dataclass(frozen=True, slots=True, kw_only=True)
class RankDoor:
    """Handlers of what lets people in to rank; also the `rostra.pages.RankPage` that gives them links."""

    adapter: str
    settings: WebSettings
    sign_in: SignIn
    drawing: Drawing
    store: Store
    clock: Clock
    level: Level
    url: str
    """Where the server answers."""

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes, without the guard that they need."""
        return (
            web.get("/rank/link/{token}", self._link),
            web.post("/rank/link", self._by_link),
            web.post("/rank/leave", self._leave),
        )

    @property
    def local(self) -> bool:
        """Whether nobody can open the page but on this machine."""
        return is_loopback(self.settings.public_url) if self.settings.public_url else self.settings.private

    async def link(self, person: str, place: Place, permission: Permission, ballot: str = "") -> Link | None:
        """Return a link by which ``person`` ranks in the workspace of ``place``. Raises `StoreError`."""
        base = self.settings.public_url or (self.url if self.settings.private else "")
        if not base:
            return None
        token, now = new_token(), self.clock.now()
        until = now + timedelta(minutes=self.settings.link_minutes)
        one = Pass(
            person=person,
            place=place,
            permission=permission,
            made_at=now,
            expires_at=until,
            ballot=ballot,
        )
        await self.store.open_pass(one, token)
        return Link(url=f"{base}/rank/link/{token}", until=until, local=self.local)

    async def ranker(self, request: web.Request) -> Ranker | None:
        """Return who sent ``request``; None if they may not be here, or no longer. Raises `StoreError`."""
        token = request.cookies.get(name(COOKIE, request), "")
        found = await self._good(token, "session")
        known = None if found is None else await self.store.account(found.person)
        if found is not None and known is not None:
            return Ranker(
                person=found.person,
                author=Person(id=known[1]),
                place=found.place,
                permission=found.permission,
                token=token,
                called=found.place.adapter,
                guest=True,
            )
        visit = await self.sign_in.visit(request)
        if visit is None:
            return None
        author = visit.account.person
        return Ranker(
            person=await self.store.pseudonym(self.adapter, author),
            author=author,
            place=home(self.adapter),
            permission=self.level(visit.account),
            token=visit.token,
            called=visit.account.name,
        )

    async def reader(self, request: web.Request) -> Ranker:
        """Return who wants to see a page. Raises `Refused`, or leads to where one signs in."""
        found = await self.ranker(request)
        if found is not None:
            return found
        if name(COOKIE, request) in request.cookies:
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "Your time here is over. Write /rank web in the chat to get a new link.",
            )
        raise web.HTTPSeeOther("/sign-in")

    async def writer(self, request: web.Request) -> tuple[Ranker, Mapping[str, Any], bool]:
        """Return who wants to change something, what they sent, and whether a script did. Raises `Refused`."""
        found = await self.ranker(request)
        if found is None:
            raise Refused(HTTPStatus.UNAUTHORIZED)
        scripted = request.content_type != FORM
        given = await body_of(request) if scripted else await form_of(request)
        carried = request.headers.get("X-CSRF-Token", "") if scripted else str(given.get("csrf", ""))
        if not fits(found.token, carried):
            raise Refused(HTTPStatus.FORBIDDEN)
        return found, given, scripted

    async def _good(self, token: str, kind: str) -> Pass | None:
        if not TOKEN.fullmatch(token):
            return None
        found = await self.store.pass_of(token)
        if found is None or found.kind != kind or not found.good(self.clock.now()):
            return None
        return found

    async def _link(self, request: web.Request) -> web.StreamResponse:
        # Only looked at: what previews links for people must not use them up.
        token = request.match_info["token"]
        found = await self._good(token, "link")
        if found is None:
            raise Refused(HTTPStatus.NOT_FOUND, OVER)
        greeting = brought(request) or new_token()
        text = self.drawing.page(
            "rank_link.html", platform=found.place.adapter, token=token, csrf=csrf_of(greeting)
        )
        response = web.Response(text=text, content_type="text/html")
        put(request, response, GREETING, greeting, GREETED)
        return response

    async def _by_link(self, request: web.Request) -> web.StreamResponse:
        given = await form_of(request)
        if not fits(request.cookies.get(name(GREETING, request), ""), given.get("csrf", "")):
            raise Refused(HTTPStatus.FORBIDDEN)
        token = given.get("token", "")
        found = await self._good(token, "link")
        if found is None or not await self.store.end_pass(token):
            raise Refused(HTTPStatus.NOT_FOUND, OVER)
        await self._end(request)
        fresh, now = new_token(), self.clock.now()
        life = timedelta(hours=self.settings.rank_hours)
        session = Pass(
            person=found.person,
            place=found.place,
            permission=found.permission,
            made_at=now,
            expires_at=now + life,
            kind="session",
        )
        await self.store.open_pass(session, fresh)
        response = onwards(f"/rank/{found.ballot}" if found.ballot else "/rank")
        put(request, response, COOKIE, fresh, int(life.total_seconds()))
        drop(request, response, GREETING)
        return response

    async def _leave(self, request: web.Request) -> web.StreamResponse:
        given = await form_of(request)
        if not fits(request.cookies.get(name(COOKIE, request), ""), given.get("csrf", "")):
            raise Refused(HTTPStatus.FORBIDDEN)
        await self._end(request)
        text = self.drawing.page("rank_left.html")
        response = web.Response(text=text, content_type="text/html")
        drop(request, response, COOKIE)
        return response

    async def _end(self, request: web.Request) -> None:
        """End the session that the browser brought, if any."""
        before = request.cookies.get(name(COOKIE, request), "")
        if TOKEN.fullmatch(before):
            await self.store.end_pass(before)
