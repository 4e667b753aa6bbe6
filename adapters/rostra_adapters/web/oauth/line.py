"""How providers are asked: within limits of time and size, to no other address, and with nothing of it in any message."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote_plus

import aiohttp

from rostra.clock import Clock

SECONDS = 10.0
"""For which a provider is waited for, at most."""
BYTES = 512_000
"""Of an answer, at most."""
_CODE = re.compile(r"[a-z][a-z0-9_]{0,60}")


class Unanswered(Exception):
    """A provider did not answer as it should. The message says how, without a word of what it sent.

    ``code`` is what it calls the error, if it refused, in the words that standards have for it.
    """

    def __init__(self, why: str, *, code: str = "") -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Connections to providers."""

    session: aiohttp.ClientSession
    clock: Clock

    async def get(self, url: str, token: str = "") -> Any:
        """Return the JSON at ``url``. Raises `Unanswered`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self._asked("GET", url, headers, None)

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the JSON object that ``url`` answers a form with. Raises `Unanswered`."""
        return obj(await self._asked("POST", url, headers, form))

    async def _asked(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> Any:
        said = {"Accept": "application/json", **headers}
        try:
            async with (
                self.clock.timeout(SECONDS),
                # Not followed: it might lead inside the network that we are in, and would carry the token along.
                self.session.request(method, url, headers=said, data=form, allow_redirects=False) as answer,
            ):
                status, body = answer.status, await _read(answer.content)
        except TimeoutError:
            raise Unanswered(f"no answer within {SECONDS:g} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unanswered(f"not reached ({type(error).__name__})") from None
        try:
            given: Any = json.loads(body)
        except (ValueError, RecursionError):
            given = None
        if status != HTTPStatus.OK:
            raise Unanswered(f"it answers with status {status}", code=code_of(given))
        if given is None:
            raise Unanswered("what it answers is no JSON")
        return given


async def _read(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > BYTES:
            raise ValueError(f"more than {BYTES} bytes")
    return bytes(body)


@asynccontextmanager
async def connected(clock: Clock) -> AsyncGenerator[Line]:
    """Yield a line, whose connections are closed behind it."""
    timeout = aiohttp.ClientTimeout(total=2 * SECONDS)
    jar = aiohttp.DummyCookieJar()  # what one person's sign-in leaves behind must not go along with another's
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as session:
        yield Line(session=session, clock=clock)


def code_of(given: object) -> str:
    """Return what a provider calls an error, if it is a word as the standards have them (RFC 6749, section 5.2)."""
    code = cast("dict[str, object]", given).get("error") if isinstance(given, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def obj(given: object) -> Mapping[str, Any]:
    """Return an object of JSON. Raises `Unanswered` for anything else."""
    if not isinstance(given, dict):
        raise Unanswered("what it answers is no object")
    return cast("dict[str, Any]", given)


def basic(client: str, secret: str) -> str:
    """Return how a client says who it is in a header (RFC 6749, section 2.3.1)."""
    pair = f"{quote_plus(client)}:{quote_plus(secret)}"
    return f"Basic {b64encode(pair.encode()).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who this page is to a provider."""

    id: str
    secret: str = field(repr=False)

    def said(self, *, in_header: bool) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return the headers and the fields of a form that say it."""
        if in_header:
            return {"Authorization": basic(self.id, self.secret)}, {}
        return {}, {"client_id": self.id, "client_secret": self.secret}
