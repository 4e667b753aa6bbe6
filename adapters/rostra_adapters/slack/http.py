"""HTTP mode: what Slack posts to a public address, verified before anything looks at it.

The signature covers the body and a time stamp; one that is older than five minutes is refused, whoever signed it.
Source: https://docs.slack.dev/authentication/verifying-requests-from-slack.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import Clock as SignatureClock
from slack_sdk.signature import SignatureVerifier

from rostra.clock import Clock

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp

log = structlog.get_logger(__name__)

BODY = 1_000_000
"""Bytes of one payload: a message with everything in it is far smaller."""
_TIMESTAMP = re.compile(r"[0-9]{1,15}", re.ASCII)
READING = 10.0
"""Seconds that a body may take to arrive."""


class _Now(SignatureClock):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()


class Endpoint:
    """Takes what Slack posts: events, commands and interactions alike."""

    def __init__(self, app: AsyncApp, secret: str, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._verifier = SignatureVerifier(secret, _Now(clock))

    def routes(self) -> list[web.RouteDef]:
        """Return the route, to be mounted."""
        return [web.post("/events", self.take)]

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answer one post."""
        try:
            async with self._clock.timeout(READING):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408, text="too slow\n")
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return web.Response(status=400, text="not UTF-8\n")
        if not self.is_signed(text, request):
            log.warning("a request without Slack's signature")
            return web.Response(status=401, text="not signed\n")
        taken = AsyncBoltRequest(body=text, query=request.query_string, headers=dict(request.headers))
        return await to_aiohttp_response(await self._app.async_dispatch(taken))

    def is_signed(self, body: str, request: web.Request) -> bool:
        """Return whether Slack signed ``body``, in the last five minutes. Compares in constant time."""
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not (_TIMESTAMP.fullmatch(timestamp) and signature.isascii()):
            return False
        return self._verifier.is_valid(body, timestamp, signature)
