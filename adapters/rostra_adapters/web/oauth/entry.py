"""The pages between this one and a provider: going there, and coming back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from rostra.addresses import is_loopback
from rostra.clock import Clock

from ..door import GREETED, Door, brought
from ..guard import Refused
from ..signin import GREETING, OPERATOR, TooMany, put
from .accounts import account_of
from .attempts import Attempts
from .line import Unanswered, connected
from .settings import PATH, ProviderSettings
from .somebody import NotIn, Somebody, admitted, roles_of
from .tokens import Unproven
from .ways import Back, Way, way

log = structlog.get_logger(__name__)

CODE = 4096
"""Characters of a code, at most."""
OVER = "This sign-in was begun in another browser, was finished already, or took longer than ten minutes. Begin again."
NOBODY = "This account may not come in here. If it should, ask whoever runs this page."
ELSEWHERE = (
    "This page has another address than the one it was opened by. Whoever runs it has to set public_url."
)
TOO_OFTEN = "That was too often. Try again in {seconds} seconds."
CANCELLED = "You were not signed in: {name} says that it was cancelled."
REFUSED = (
    "{name} would not say who you are. Begin again, and if that does not help, ask whoever runs this page."
)
SILENT = "{name} does not answer as it should. Try again in a minute."
_CANCELLED = frozenset({"access_denied", "user_cancelled_login", "user_cancelled_authorize"})
_ERRORS = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    }
)
"""RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6. Anything else is not repeated in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Handlers of the way to a provider and back."""

    door: Door
    ways: Mapping[str, Way]
    attempts: Attempts
    base: str
    """The address that people open."""

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes, without the guard that they need."""
        word = f"{PATH}/{{word:[a-z0-9-]{{1,31}}}}"
        return (web.get(word, self._away), web.get(f"{word}/back", self._back))

    async def _away(self, request: web.Request) -> web.StreamResponse:
        word, found = self._way(request)
        if (request.scheme, request.host) != urlsplit(self.base)[:2]:
            # The cookie that this begins with has to be there when the browser comes back to `base`.
            set_up = self.door.sign_in.settings.public_url or is_loopback(f"http://{request.host}")
            if "moved" in request.query or not set_up:
                return self._said(request, ELSEWHERE, HTTPStatus.BAD_REQUEST)
            raise web.HTTPSeeOther(f"{self.base}{PATH}/{word}?moved")
        greeting = self.door.greeting(request)
        try:
            there = await found.away(self.attempts.begin(greeting, word), self._redirect(word))
        except Unanswered as error:
            with suppress(TooMany):  # so that nobody fills the log with it
                self.door.sign_in.slow_down(request)
                self._note(word, str(error))
            return self._said(request, SILENT.format(name=found.settings.name), 503)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": there})
        put(request, response, GREETING, greeting, GREETED)
        return response

    async def _back(self, request: web.Request) -> web.StreamResponse:
        word, found = self._way(request)
        try:
            self.door.sign_in.slow_down(request)
            who = await self._who(request, word, found)
        except TooMany as error:
            seconds = max(1, round(error.seconds))
            response = self._said(request, TOO_OFTEN.format(seconds=seconds), 429)
            response.headers["Retry-After"] = str(seconds)
            return response
        except NotIn as error:
            self._note(word, error.why)
            return self._said(request, error.said, error.status)
        roles, sign_in = roles_of(found.settings, who), self.door.sign_in
        account = await account_of(sign_in.store, sign_in.adapter, who, roles, reserved=OPERATOR)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
        await sign_in.begin(request, response, account)
        return response

    async def _who(self, request: web.Request, word: str, found: Way) -> Somebody:
        name = found.settings.name
        given = _given(request)
        attempt = self.attempts.take(brought(request), word, given.get("state", ""))
        if attempt is None:
            raise NotIn("of another browser, over, or used", OVER)
        try:
            if not await found.is_from(given.get("iss")):
                raise NotIn("what came back names another issuer", REFUSED.format(name=name))
            if "error" in given:
                raise _not_in(given["error"], name)
            code = given.get("code", "")
            if not 0 < len(code) <= CODE:
                raise NotIn("no code came back", REFUSED.format(name=name))
            who = await found.who(Back(code=code, attempt=attempt, redirect=self._redirect(word)))
        except Unanswered as error:
            why = f"{error} ({error.code})" if error.code else str(error)
            raise NotIn(why, SILENT.format(name=name), status=503) from None
        except Unproven as error:
            raise NotIn(f"the ID token is {error}", REFUSED.format(name=name)) from None
        if not admitted(found.settings, who):
            raise NotIn("may not come in", NOBODY)
        return who

    def _way(self, request: web.Request) -> tuple[str, Way]:
        word = request.match_info["word"]
        if word not in self.ways:
            raise Refused(HTTPStatus.NOT_FOUND)
        return word, self.ways[word]

    def _redirect(self, word: str) -> str:
        return f"{self.base}{PATH}/{word}/back"

    def _note(self, word: str, why: str) -> None:
        log.warning("sign-in elsewhere failed", adapter=self.door.sign_in.adapter, sign_in=word, why=why)

    def _said(self, request: web.Request, said: str, status: int) -> web.Response:
        return self.door.form(request, said=said, status=status)


def _given(request: web.Request) -> Mapping[str, str]:
    """Return what came back: each once, as a parameter that is there twice is read differently by everybody."""
    given = request.query
    if any(len(given.getall(key)) > 1 for key in ("state", "code", "iss", "error") if key in given):
        raise NotIn("a parameter came back twice", OVER)
    return {key: given[key] for key in ("state", "code", "iss", "error") if key in given}


def _not_in(error: str, name: str) -> NotIn:
    if error in _CANCELLED:
        return NotIn("cancelled there", CANCELLED.format(name=name))
    code = error if error in _ERRORS else "an error of its own"
    return NotIn(f"it refuses ({code})", REFUSED.format(name=name))


@asynccontextmanager
async def connected_ways(
    settings: Mapping[str, ProviderSettings], clock: Clock
) -> AsyncGenerator[Mapping[str, Way]]:
    """Yield the ways to sign in elsewhere, by their words."""
    if not settings:
        yield {}
        return
    async with connected(clock) as line:
        yield {word: way(one, line) for word, one in settings.items()}
