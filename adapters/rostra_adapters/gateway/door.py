"""Who may ask: applications with a key, so often a minute."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from aiohttp import web

from rostra.api_keys import ApiKey, ApiScope, refusal
from rostra.clock import Clock
from rostra.stages.limits import Buckets
from rostra.stores import Store

from .refused import FORBIDDEN, TOO_MANY, UNAUTHORIZED, Refused

FRESH = 5.0
"""Seconds for which a key is taken from memory: so long one that was revoked may still open the door."""
REMEMBERED = 10_000
BURST = 6
"""A minute's requests divided by this may come at once."""
OPEN = ApiKey(application="open")


@dataclass(frozen=True, slots=True)
class _Seen:
    key: ApiKey | None
    at: float


class Door:
    """Lets applications in by their keys."""

    def __init__(self, store: Store, clock: Clock, *, is_open: bool) -> None:
        self._store = store
        self._clock = clock
        self._open = is_open
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()
        self._buckets: dict[int, Buckets] = {}

    async def admit(self, request: web.Request, scope: ApiScope) -> ApiKey:
        """Return whose request it is. Raises `Refused`, and `StoreError` where that cannot be known."""
        secret = _secret(request)
        key = await self._known(secret) if secret else None
        if key is None and self._open:
            return OPEN  # clients send some key, for they will not go without
        if not secret:
            raise Refused(
                UNAUTHORIZED,
                "no API key was sent; send it as 'Authorization: Bearer KEY'",
                code="missing_api_key",
            )
        why = refusal(key, self._clock.now(), scope)
        if why == "scope":
            raise Refused(FORBIDDEN, f"the API key is not for {scope!r}", code="insufficient_permissions")
        if key is None or why is not None:
            raise Refused(UNAUTHORIZED, f"the API key is {why}", code="invalid_api_key")
        self._bound(key)
        return key

    async def _known(self, secret: str) -> ApiKey | None:
        name, now = sha256(secret.encode()).digest(), self._clock.monotonic()
        seen = self._seen.get(name)
        if seen is None or now - seen.at > FRESH:
            seen = self._seen[name] = _Seen(await self._store.key_of(secret), now)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return seen.key

    def _bound(self, key: ApiKey) -> None:
        if key.per_minute is None:
            return
        buckets = self._buckets.get(key.per_minute)
        if buckets is None:
            burst = max(1, key.per_minute // BURST)
            buckets = self._buckets[key.per_minute] = Buckets(per_minute=key.per_minute, burst=burst)
        wait = buckets.take(key.id, self._clock.monotonic())
        if wait:
            raise Refused(
                TOO_MANY,
                f"{key.per_minute} requests a minute are allowed",
                code="rate_limit_exceeded",
                retry_after=wait,
            )


def _secret(request: web.Request) -> str:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    fit = kind.lower() == "bearer" and len(secret) <= 256 and secret.isascii()  # noqa: PLR2004  ours are shorter
    return secret.strip() if fit else ""
