"""What every request goes through: where it comes from, what it may carry, and what every answer says to browsers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from rostra.errors import RostraError

log = structlog.get_logger(__name__)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Tell: TypeAlias = Callable[[web.Request, int, str], web.Response]
"""Makes the answer to a request that failed: its status, and one sentence."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
FORM = "application/x-www-form-urlencoded"
SAFE = frozenset({"GET", "HEAD"})
SAID: Mapping[int, str] = {
    400: "This request cannot be read.",
    401: "Sign in first.",
    403: "This request did not come from this page. Reload it and try again.",
    404: "There is nothing here.",
    405: "This cannot be done here.",
    409: "An answer is still being given. Stop it first.",
    413: "This is too long.",
    429: "That was too often. Wait a moment.",
    500: "Something went wrong here.",
    503: "The bot is not ready. Try again in a moment.",
}


class Refused(Exception):
    """A request is answered with ``status``, and one sentence that says why."""

    def __init__(self, status: int, said: str = "", *, seconds: float = 0.0) -> None:
        super().__init__(status)
        self.status = status
        self.said = said or SAID[status]
        self.seconds = seconds


def guarded(handler: Handler, tell: Tell) -> Handler:
    """Return ``handler`` behind the guard: what goes wrong in it is told without a word of what it was."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse
        try:
            _check_origin(request)
            response = await handler(request)
        except Refused as refused:
            response = tell(request, refused.status, refused.said)
            if refused.seconds:
                response.headers["Retry-After"] = str(max(1, round(refused.seconds)))
        except web.HTTPException as error:
            response = _told(request, error, tell)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except RostraError as error:
            log.warning("request failed", error=type(error).__name__)
            response = tell(request, HTTPStatus.SERVICE_UNAVAILABLE, SAID[503])
        except Exception as error:  # whatever it is, its words stay here
            log.exception("request failed", error=type(error).__name__)
            response = tell(request, HTTPStatus.INTERNAL_SERVER_ERROR, SAID[500])
        if not response.prepared:
            secured(request, response)
        return response

    return answer


def _told(request: web.Request, error: web.HTTPException, tell: Tell) -> web.Response:
    if error.status < HTTPStatus.BAD_REQUEST:
        return web.Response(status=error.status, headers={"Location": error.headers["Location"]})
    status = error.status if error.status in SAID else HTTPStatus.BAD_REQUEST
    return tell(request, status, SAID[status])


def _check_origin(request: web.Request) -> None:
    if request.method not in SAFE and not same_origin(request):
        raise Refused(HTTPStatus.FORBIDDEN)


def secured(request: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on ``response`` that keep browsers from doing more with it than is meant."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    if request.secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def same_origin(request: web.Request) -> bool:
    """Return whether a page of ours sent ``request``, as its browser says."""
    origin = request.headers.get("Origin", "")
    if origin:
        said = urlsplit(origin)
        return (said.scheme, said.netloc) == (request.scheme, request.host)
    return request.headers.get("Sec-Fetch-Site", "") == "same-origin"


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that ``request`` brings. Raises `Refused`."""
    if request.content_type != "application/json":
        raise Refused(HTTPStatus.BAD_REQUEST)
    try:
        given: object = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST) from None
    if not isinstance(given, dict):
        raise Refused(HTTPStatus.BAD_REQUEST)
    return given  # pyright: ignore[reportUnknownVariableType]  JSON


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the fields of the form that ``request`` brings. Raises `Refused`."""
    if request.content_type != FORM:
        raise Refused(HTTPStatus.BAD_REQUEST)
    return {key: value for key, value in (await request.post()).items() if isinstance(value, str)}


def text_in(given: Mapping[str, Any], name: str, most: int) -> str:
    """Return the text that something which was sent has under a name; empty if it has none. Raises `Refused`."""
    value = given.get(name, "")
    if not isinstance(value, str):
        raise Refused(HTTPStatus.BAD_REQUEST)
    if len(value) > most:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return value


def onwards(path: str = "/") -> web.Response:
    """Lead a browser on to another page of ours."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})


def wants_page(request: web.Request) -> bool:
    """Return whether a browser asks for a page to show."""
    return "text/html" in request.headers.get("Accept", "")
