"""Keys of applications in a store that forgets, and what every store says of them in the log of changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeAlias
from uuid import UUID

from uuid_utils import uuid7

from ..api_keys import HINT, SECRET, ApiKey
from ..clock import Clock
from ..errors import StoreError
from ..places import Person

Audit: TypeAlias = Callable[[Person | None, str, str, Mapping[str, str]], Awaitable[None]]
"""Takes who did what to what, and what else is known."""

Change: TypeAlias = tuple[str, str, Mapping[str, str]]
"""Action, subject and detail of an entry in the log of changes."""


class MemoryKeys:
    """A `rostra.api_keys.ApiKeys` that lives as long as the process."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self._key_clock = clock
        self._key_audit = audit
        self._keys: dict[bytes, ApiKey] = {}

    async def add_key(
        self, key: ApiKey, secret: str, *, actor: Person | None = None, adapter: str = ""
    ) -> ApiKey:
        del adapter  # a person is kept as given
        check(secret)
        lookup = _hash(secret)
        if lookup in self._keys:
            raise StoreError(
                f"this secret is that of the key {self._keys[lookup].id!r} already; make a new one"
            )
        made_at = key.made_at or self._key_clock.now()
        done = replace(key, id=uuid7().hex, hint=secret[-HINT:], made_at=made_at)
        self._keys[lookup] = done
        await self._key_audit(actor, *added(done))
        return done

    async def key_of(self, secret: str) -> ApiKey | None:
        return self._keys.get(_hash(secret))

    async def api_keys(self) -> Sequence[ApiKey]:
        return list(reversed(self._keys.values()))

    async def end_key(
        self, id_: str, at: datetime, *, actor: Person | None = None, adapter: str = ""
    ) -> ApiKey:
        del adapter
        lookup = next((lookup for lookup, key in self._keys.items() if key.id == id_), None)
        if lookup is None:
            raise unknown(id_)
        key = self._keys[lookup]
        if key.ends_at is not None and key.ends_at <= at:
            return key
        self._keys[lookup] = done = replace(key, revoked_at=at)
        await self._key_audit(actor, *ended(key, at))
        return done


def check(secret: str) -> None:
    """Raise `StoreError` if ``secret`` is none, without repeating it."""
    if not SECRET.fullmatch(secret):
        raise StoreError("a secret is 32 to 256 ASCII characters, none of them a space; this one is not")


def added(key: ApiKey) -> Change:
    """Return what the log of changes says of a new key."""
    detail = {
        "key": key.id,
        "scopes": " ".join(sorted(key.scopes)),
        "per_minute": "any" if key.per_minute is None else str(key.per_minute),
        "expires": "never" if key.expires_at is None else _told(key.expires_at),
    }
    return "add key", f"application {key.application}", detail


def ended(key: ApiKey, at: datetime) -> Change:
    """Return what the log of changes says of a key that ends at ``at``."""
    return "end key", f"application {key.application}", {"key": key.id, "at": _told(at)}


def unknown(id_: str) -> StoreError:
    """Return the error for an id that no key has. What is no id is not repeated: it may be a secret."""
    try:
        return StoreError(f"there is no API key with the id {UUID(id_).hex!r}")
    except ValueError:
        return StoreError("that is no id of an API key; it would be 32 hexadecimal digits")


def _told(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _hash(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
