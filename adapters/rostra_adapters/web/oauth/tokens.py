"""ID tokens: who signed them, for whom, when, and in answer to what.

Source: OpenID Connect Core 1.0, section 3.1.3.7; RFC 7519; RFC 8725 (what to beware of).
"""

from __future__ import annotations

import hmac
import json
import math
from collections.abc import Mapping
from typing import Any, cast

from .discovery import ALGORITHMS, Issuer

LEEWAY = 60
"""Seconds that two clocks may differ by."""


class Unproven(Exception):
    """An ID token proves nothing. The message says why, without a word of it."""


async def claims_of(token: object, issuer: Issuer, *, client: str, nonce: str) -> Mapping[str, Any]:
    """Return what ``issuer`` says in an ID token for ``client``. Raises `Unproven` and `Unanswered`."""
    claims = await _signed(token, issuer)
    if claims.get("iss") != issuer.url:
        raise Unproven("of another issuer")
    _check_audience(claims, client)
    _check_times(claims, issuer.line.clock.now().timestamp())
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), nonce.encode()):
        raise Unproven("in answer to something else: its nonce differs")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # noqa: PLR2004  the standard's, section 2
        raise Unproven("of nobody: it has no sub")
    return claims


async def _signed(token: object, issuer: Issuer) -> Mapping[str, Any]:
    import jwt

    if not isinstance(token, str):
        raise Unproven("not there")
    signatures = jwt.PyJWS()
    try:
        header = signatures.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise Unproven("signed with what nobody may sign with here")
        key = await issuer.key(header)
        if key is None:
            raise Unproven("signed with a key that the issuer does not have")
        body = signatures.decode(
            token,
            key=jwt.PyJWK.from_dict(dict(key), algorithm=header["alg"]),
            algorithms=[header["alg"]],
            options={"verify_signature": True, "enforce_minimum_key_length": True},
        )
        claims: object = json.loads(body)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unproven("not signed by its issuer") from None
    if not isinstance(claims, dict):
        raise Unproven("no object")
    return cast("dict[str, Any]", claims)


def _check_audience(claims: Mapping[str, Any], client: str) -> None:
    audience: object = claims.get("aud")
    meant = [audience] if isinstance(audience, str) else audience
    if not isinstance(meant, list) or client not in meant:
        raise Unproven("for another client")
    if claims.get("azp", client) != client or (len(cast("list[object]", meant)) > 1 and "azp" not in claims):
        raise Unproven("for another client: its azp differs")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    ends, made, begins = (_moment(claims.get(name, 0)) for name in ("exp", "iat", "nbf"))
    if not (ends and made):
        raise Unproven("of no time: it has no exp and iat")
    if now >= ends + LEEWAY:
        raise Unproven("over")
    if max(made, begins) > now + LEEWAY:
        raise Unproven("of the future: the clocks differ")


def _moment(given: object) -> float:
    """Return a time in seconds; 0 for what is none."""
    return float(given) if isinstance(given, int | float) and math.isfinite(given) else 0.0
