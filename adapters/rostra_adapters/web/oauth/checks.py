"""What ``rostra doctor`` looks at of the ways to sign in elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rostra.clock import Clock
from rostra.components import Finding

from .discovery import DOCUMENT, Issuer
from .line import Line, Unanswered, connected
from .settings import PATH, ProviderSettings


async def findings(settings: Mapping[str, ProviderSettings], base: str, clock: Clock) -> Sequence[Finding]:
    """Return whether each issuer can be asked, and what has to be registered there."""
    if not settings:
        return []
    async with connected(clock) as line:
        return [await _finding(word, one, base, line) for word, one in settings.items()]


async def _finding(word: str, one: ProviderSettings, base: str, line: Line) -> Finding:
    name = f"sign_in.{word}"
    registered = f"{one.name} has to know the redirect URI {base}{PATH}/{word}/back"
    if one.kind == "discord":
        return Finding(ok=True, what=f"{name}: {registered}")
    issuer = Issuer(url=one.where, line=line)
    try:
        found = await issuer.metadata()
        await issuer.read_keys()
    except Unanswered as error:
        return Finding(
            ok=False,
            what=f"{name}: {one.where} cannot be asked: {error}",
            advice=f"open {one.where.rstrip('/')}{DOCUMENT} and copy its issuer, letter by letter",
        )
    if not issuer.usable:
        return Finding(
            ok=False,
            what=f"{name}: none of the keys at {found.keys} can be used",
            advice="have the issuer sign ID tokens with RS256, PS256, ES256 or EdDSA",
        )
    return Finding(ok=True, what=f"{name}: {one.where} answers; {registered}")
