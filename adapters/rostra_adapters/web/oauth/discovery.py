"""What an issuer says of itself, and the keys that it signs with.

Source: OpenID Connect Discovery 1.0, sections 3 and 4; RFC 9207, section 3; RFC 7517.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from .line import Line, Unanswered, obj
from .settings import fit

DOCUMENT = "/.well-known/openid-configuration"
HOUR = 3600.0
"""Seconds after which what an issuer says is asked anew: keys that it withdrew are not believed for longer."""
PAUSE = 5.0
"""Seconds in which an issuer that failed is not asked again."""
KEYS = 100
_NEEDED = {"RS256": ("RSA", ""), "PS256": ("RSA", ""), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
ALGORITHMS = tuple(_NEEDED)
"""What ID tokens may be signed with: never by ``none``, never by a secret that both sides have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What is needed of a discovery document. ``says_iss``: what comes back names the issuer (RFC 9207)."""

    issuer: str
    authorization: str
    token: str
    keys: str
    userinfo: str
    in_header: bool
    says_iss: bool


def metadata(issuer: str, given: Mapping[str, Any]) -> Metadata:
    """Return what a discovery document says. Raises `Unanswered` where it is not of ``issuer``, or leads to where it must not."""
    if given.get("issuer") != issuer:
        raise Unanswered(
            "its discovery document is of another issuer; `issuer` has to be exactly what stands there"
        )

    def url(key: str) -> str:
        found = given.get(key)
        if not isinstance(found, str) or not fit(found.partition("?")[0]):
            raise Unanswered(f"its discovery document has no {key} with https")
        if found.startswith("http:") and not issuer.startswith("http:"):
            raise Unanswered(f"its discovery document has a {key} without https")
        return found

    methods = given.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    in_header = not isinstance(methods, list) or "client_secret_basic" in methods
    return Metadata(
        issuer=issuer,
        authorization=url("authorization_endpoint"),
        token=url("token_endpoint"),
        keys=url("jwks_uri"),
        userinfo=url("userinfo_endpoint") if given.get("userinfo_endpoint") else "",
        in_header=in_header,
        says_iss=given.get("authorization_response_iss_parameter_supported") is True,
    )


@dataclass(slots=True, kw_only=True)
class Issuer:
    """An issuer, asked as seldom as may be."""

    url: str
    line: Line
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _metadata: Metadata | None = None
    _read_at: float = 0.0
    _keys: Sequence[Mapping[str, Any]] = ()
    _keys_at: float | None = None
    _failed: tuple[float, str] | None = None

    async def metadata(self) -> Metadata:
        """Return what it says of itself. Raises `Unanswered`."""
        async with self._lock:
            return await self._current()

    async def key(self, header: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the key that a token with this header is signed with, asking once more where none fits. Raises `Unanswered`."""
        async with self._lock:
            now = self.line.clock.monotonic()
            asked = self._keys_at is None or now - self._keys_at >= HOUR
            if asked:
                await self.read_keys()
            found = _fitting(self._keys, header)
            if found is None and not asked:
                await self.read_keys()
                found = _fitting(self._keys, header)
            return found

    async def _current(self) -> Metadata:
        now = self.line.clock.monotonic()
        if self._metadata is None or now - self._read_at >= HOUR:
            given = obj(await self._asked(self.url.rstrip("/") + DOCUMENT))
            self._metadata, self._read_at = metadata(self.url, given), now
        return self._metadata

    @property
    def usable(self) -> bool:
        """Whether any of its keys, as they were read last, may sign ID tokens."""
        return any(_may_sign(key, algorithm) for key in self._keys for algorithm in ALGORITHMS)

    async def read_keys(self) -> None:
        """Read its keys anew. Raises `Unanswered`."""
        given = obj(await self._asked((await self._current()).keys)).get("keys")
        if not isinstance(given, list):
            raise Unanswered("what it has as keys are none")
        listed = cast("list[object]", given)[:KEYS]
        self._keys = [cast("dict[str, Any]", one) for one in listed if isinstance(one, dict)]
        self._keys_at = self.line.clock.monotonic()

    async def _asked(self, url: str) -> Any:
        now = self.line.clock.monotonic()
        if self._failed is not None and now - self._failed[0] < PAUSE:
            raise Unanswered(self._failed[1])
        try:
            found = await self.line.get(url)
        except Unanswered as error:
            self._failed = (now, str(error))
            raise
        self._failed = None
        return found


def _fitting(keys: Sequence[Mapping[str, Any]], header: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the one key that a token with this header may be signed with."""
    kid = header.get("kid")
    suiting = [key for key in keys if _may_sign(key, header["alg"])]
    found = [key for key in suiting if kid is None or key.get("kid") == kid]
    return found[0] if len(found) == 1 else None


def _may_sign(key: Mapping[str, Any], algorithm: str) -> bool:
    kind, curve = _NEEDED[algorithm]
    return (
        key.get("kty") == kind
        and (not curve or key.get("crv") == curve)
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
    )
