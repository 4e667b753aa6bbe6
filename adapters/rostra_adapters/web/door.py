"""The pages at the door: signing in with a name and a password or by a one-time link, and signing out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from aiohttp import web

from rostra.accounts import TOKEN, new_token

from .drawing import Drawing
from .guard import Refused, form_of, onwards
from .oauth.settings import PATH
from .signin import COOKIE, GREETING, SignIn, TooMany, csrf_of, fits, name, put

log = structlog.get_logger(__name__)

GREETED = 3600
"""Seconds that a form to sign in is good."""
WRONG = "This name and password do not belong together."


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Handlers of the pages for those who are not signed in yet."""

    sign_in: SignIn
    drawing: Drawing

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes, without the guard that they need."""
        return (
            web.get("/sign-in", self._ask),
            web.post("/sign-in", self._let_in),
            web.get("/link/{token}", self._link),
            web.post("/link", self._by_link),
            web.post("/sign-out", self._let_out),
        )

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        if await self.sign_in.visit(request) is not None:
            raise web.HTTPSeeOther("/")
        return self.form(request)

    async def _let_in(self, request: web.Request) -> web.StreamResponse:
        form = await self._filled(request)
        given, password = form.get("name", ""), form.get("password", "")
        if not self.sign_in.settings.accounts:
            raise Refused(HTTPStatus.NOT_FOUND)
        try:
            account = await self.sign_in.by_password(request, given, password)
        except TooMany as error:
            said = f"That was too often. Try again in {max(1, round(error.seconds))} seconds."
            response = self.form(request, said=said, status=HTTPStatus.TOO_MANY_REQUESTS, given=given)
            response.headers["Retry-After"] = str(max(1, round(error.seconds)))
            return response
        if account is None:
            log.info("sign-in refused", adapter=self.sign_in.adapter)
            return self.form(request, said=WRONG, status=HTTPStatus.FORBIDDEN, given=given)
        response = onwards()
        await self.sign_in.begin(request, response, account)
        return response

    async def _link(self, request: web.Request) -> web.StreamResponse:
        # Only looked at: what previews links for people must not use them up.
        token = request.match_info["token"]
        account = await self.sign_in.link(token)
        if account is None:
            raise Refused(HTTPStatus.NOT_FOUND, "This link was used, or its time is over.")
        greeting = self.greeting(request)
        text = self.drawing.page("link.html", name=account.name, token=token, csrf=csrf_of(greeting))
        response = web.Response(text=text, content_type="text/html")
        put(request, response, GREETING, greeting, GREETED)
        return response

    async def _by_link(self, request: web.Request) -> web.StreamResponse:
        form = await self._filled(request)
        account = await self.sign_in.by_link(form.get("token", ""))
        if account is None:
            raise Refused(HTTPStatus.NOT_FOUND, "This link was used, or its time is over.")
        response = onwards()
        await self.sign_in.begin(request, response, account)
        return response

    async def _let_out(self, request: web.Request) -> web.StreamResponse:
        form = await form_of(request)
        token = request.cookies.get(name(COOKIE, request), "")
        if not fits(token, form.get("csrf", "")):
            raise Refused(HTTPStatus.FORBIDDEN)
        response = onwards("/sign-in")
        await self.sign_in.end(request, response)
        return response

    async def _filled(self, request: web.Request) -> dict[str, str]:
        """Return a form that the browser was given by this page. Raises `Refused`."""
        form = await form_of(request)
        if not fits(brought(request), form.get("csrf", "")):
            raise Refused(HTTPStatus.FORBIDDEN)
        return form

    def form(
        self, request: web.Request, *, said: str = "", status: int = 200, given: str = ""
    ) -> web.Response:
        """Return the page to sign in, which says ``said`` above all."""
        greeting = self.greeting(request)
        text = self.drawing.page(
            "signin.html",
            accounts=self.sign_in.settings.accounts,
            elsewhere=[(f"{PATH}/{word}", one) for word, one in self.sign_in.settings.sign_in.items()],
            csrf=csrf_of(greeting),
            said=said,
            name=given[:64],
        )
        response = web.Response(text=text, content_type="text/html", status=status)
        put(request, response, GREETING, greeting, GREETED)
        return response

    def greeting(self, request: web.Request) -> str:
        """Return the browser's greeting, a new one where it has none."""
        return brought(request) or new_token()


def brought(request: web.Request) -> str:
    """Return the greeting that a browser brings; empty if it has none."""
    there = request.cookies.get(name(GREETING, request), "")
    return there if TOKEN.fullmatch(there) else ""
