"""HTTP mode: events, commands and interactions posted to the app's address, signed.

See https://docs.slack.dev/authentication/verifying-requests-from-slack/
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from .delivery import Delivery, Kind, Undelivered
from .values import Json, is_object
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What the app answered a post with."""

    status: int
    text: str
    headers: Mapping[str, str]


def signature(secret: str, timestamp: str, body: str) -> str:
    """Return ``X-Slack-Signature`` for a body."""
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return f"v0={digest}"


class HttpMode:
    """Posts to ``urls``, by kind. What is not answered with 200 within three seconds is sent again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._session: aiohttp.ClientSession | None = None
        self.signing_secret = "signing-secret"  # noqa: S105  of a server in memory
        self.urls: dict[Kind, str] = {}

    async def send(self, delivery: Delivery, attempt: int, reason: str) -> Json:
        delivery.attempts += 1
        self._world.touch()
        headers = {}
        if attempt and delivery.kind == "events_api":
            headers = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
        began = asyncio.get_running_loop().time()
        try:
            async with self._world.clock.timeout(self._world.limits.ack_seconds):
                answer = await self.post(delivery.kind, delivery.payload, headers=headers)
        except TimeoutError as error:
            raise Undelivered("http_timeout") from error
        except aiohttp.ClientError as error:
            raise Undelivered("connection_failed") from error
        if not 200 <= answer.status < 300:
            raise Undelivered("http_error")
        delivery.latency = asyncio.get_running_loop().time() - began
        return _answer(answer)

    async def post(
        self,
        kind: Kind,
        payload: Json,
        *,
        headers: Mapping[str, str] | None = None,
        secret: str | None = None,
        age: float = 0.0,
    ) -> Posted:
        """Post once. Another ``secret`` forges the signature, and ``age`` are the seconds that it is old."""
        if kind == "events_api":
            body, content_type = json.dumps(payload), "application/json"
        else:
            form: Mapping[str, Any] = (
                payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            )
            body, content_type = urlencode(form), "application/x-www-form-urlencoded"
        timestamp = str(int(self._world.clock.now().timestamp() - age))
        signed = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(
                self.signing_secret if secret is None else secret, timestamp, body
            ),
            **(headers or {}),
        }
        if self._session is None:
            self._session = aiohttp.ClientSession()
        async with self._session.post(
            self.urls[kind], data=body.encode(), headers=signed, allow_redirects=False
        ) as answer:
            return Posted(status=answer.status, text=await answer.text(), headers=dict(answer.headers))

    async def close(self) -> None:
        """Close the connections to the app."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _answer(answer: Posted) -> Json:
    if not answer.text.strip():
        return {}
    try:
        body: Any = json.loads(answer.text)
    except ValueError:
        return {"text": answer.text}
    return body if is_object(body) else {}
