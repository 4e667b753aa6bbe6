"""The ways to sign in elsewhere: OpenID Connect, which Slack speaks too, and Discord's OAuth2.

Source: RFC 6749 (section 4.1), RFC 7636, RFC 9207, RFC 9700; OpenID Connect Core 1.0 (section 3.1);
https://docs.slack.dev/authentication/sign-in-with-slack; https://docs.discord.com/developers/topics/oauth2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import urlencode

from .attempts import Attempt
from .discovery import Issuer, Metadata
from .line import Client, Line, Unanswered, code_of, obj
from .settings import ProviderSettings
from .somebody import Somebody
from .tokens import Unproven, claims_of

TEAM = "https://slack.com/team_id"
TEXT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What a browser brought back from a provider."""

    code: str
    attempt: Attempt
    redirect: str


class Way(Protocol):
    """A way to sign in elsewhere."""

    @property
    def settings(self) -> ProviderSettings:
        """What is configured of it."""
        ...

    async def away(self, attempt: Attempt, redirect: str) -> str:
        """Return the address to send somebody to, who comes back to ``redirect``. Raises `Unanswered`."""
        ...

    async def is_from(self, issuer: str | None) -> bool:
        """Return whether what came back may be from the provider, where it names ``issuer``. Raises `Unanswered`."""
        ...

    async def who(self, back: Back) -> Somebody:
        """Return who came back. What the provider hands out for that is dropped. Raises `Unanswered` and `Unproven`."""
        ...


def way(settings: ProviderSettings, line: Line) -> Way:
    """Return the way that is configured."""
    if settings.kind == "discord":
        return Discord(settings=settings, line=line)
    return OpenId(settings=settings, line=line, issuer=Issuer(url=settings.where, line=line))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenId:
    """Whoever speaks OpenID Connect."""

    settings: ProviderSettings
    line: Line
    issuer: Issuer

    async def away(self, attempt: Attempt, redirect: str) -> str:
        found = await self.issuer.metadata()
        asked = {"nonce": attempt.nonce}
        if self.settings.team:
            asked["team"] = self.settings.team
        return _address(found.authorization, self.settings, attempt, redirect, asked)

    async def is_from(self, issuer: str | None) -> bool:
        found = await self.issuer.metadata()
        return issuer == found.issuer or (issuer is None and not found.says_iss)

    async def who(self, back: Back) -> Somebody:
        found = await self.issuer.metadata()
        answer = await _exchanged(self.line, found.token, self.settings, back, in_header=found.in_header)
        client = self.settings.client_id
        token = answer.get("id_token")
        claims = await claims_of(token, self.issuer, client=client, nonce=back.attempt.nonce)
        if not self._lacks(claims):
            return self._somebody(claims, {})
        return self._somebody(claims, await self._more(found, claims, answer))

    def _lacks(self, claims: Mapping[str, Any]) -> bool:
        needed = ["email"] if self.settings.by_address else []
        needed += [self.settings.role_claim] if self.settings.role_claim else []
        return any(name not in claims for name in needed) or not _name(claims)

    async def _more(
        self, found: Metadata, claims: Mapping[str, Any], answer: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return what the issuer says of whoever the ID token is of, where it can be asked (Core, section 5.3)."""
        token: object = answer.get("access_token")
        if not found.userinfo or not isinstance(token, str) or not _sendable(token):
            return {}
        more = obj(await self.line.get(found.userinfo, token))
        if more.get("sub") != claims["sub"]:
            raise Unproven("beside what is said of somebody else")
        return more

    def _somebody(self, claims: Mapping[str, Any], more: Mapping[str, Any]) -> Somebody:
        # Address and verification from one place: another's verification says nothing of this address.
        mailed = claims if "email" in claims else more
        verified = mailed.get("email_verified") in (True, "true")
        team = _plain(claims.get(TEAM)) if self.settings.kind == "slack" else ""
        if self.settings.kind == "slack" and not team:
            raise Unproven("of no workspace")
        subject = str(claims["sub"])
        groups = (claims if self.settings.role_claim in claims else more).get(self.settings.role_claim)
        return Somebody(
            subject=subject,
            by=self.settings.by(subject, team),
            name=_name(claims) or _name(more),
            email=_plain(mailed.get("email")) if verified else "",
            hosted=_plain(claims.get("hd")),
            team=team,
            groups=_texts(groups) if self.settings.role_claim else frozenset(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discord:
    """Discord: OAuth2, and a question who it is."""

    settings: ProviderSettings
    line: Line

    async def away(self, attempt: Attempt, redirect: str) -> str:
        return _address(f"{self.settings.where}/oauth2/authorize", self.settings, attempt, redirect, {})

    async def is_from(self, issuer: str | None) -> bool:
        return issuer is None or issuer == self.settings.where

    async def who(self, back: Back) -> Somebody:
        where = self.settings.where
        answer = await _exchanged(self.line, f"{where}/api/oauth2/token", self.settings, back, in_header=True)
        token: object = answer.get("access_token")
        if not isinstance(token, str) or not _sendable(token):
            raise Unanswered("it gives no token")
        me = f"{where}/api/v10/users/@me"
        user = obj(await self.line.get(me, token))
        subject = user.get("id")
        if not isinstance(subject, str) or not subject.isdecimal() or not subject.isascii():
            raise Unproven("of nobody: it has no id")
        guilds: frozenset[str] = frozenset()
        if self.settings.guild:
            guilds = _ids(await self.line.get(f"{me}/guilds", token))
        return Somebody(
            subject=subject,
            by=self.settings.by(subject),
            name=_plain(user.get("global_name")) or _plain(user.get("username")),
            guilds=guilds,
        )


def _address(
    endpoint: str, settings: ProviderSettings, attempt: Attempt, redirect: str, more: Mapping[str, str]
) -> str:
    asked = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect,
        "scope": settings.scope,
        "state": attempt.state,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
        **more,
    }
    if settings.prompt:
        asked["prompt"] = settings.prompt
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


async def _exchanged(
    line: Line, url: str, settings: ProviderSettings, back: Back, *, in_header: bool
) -> Mapping[str, Any]:
    client = Client(id=settings.client_id, secret=settings.client_secret.get_secret_value())
    headers, fields = client.said(in_header=in_header)
    form = {
        "grant_type": "authorization_code",
        "code": back.code,
        "redirect_uri": back.redirect,
        "code_verifier": back.attempt.verifier,
        **fields,
    }
    answer = await line.post(url, form, headers)
    if answer.get("ok") is False:  # Slack's errors have status 200
        raise Unanswered("it refuses", code=code_of(answer))
    return answer


def _plain(given: object) -> str:
    return given if isinstance(given, str) and len(given) <= TEXT else ""


def _name(claims: Mapping[str, Any]) -> str:
    return _plain(claims.get("preferred_username")) or _plain(claims.get("name"))


def _sendable(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _texts(given: object) -> frozenset[str]:
    """Return the texts of a claim that is one, or a list of them."""
    listed = cast("Sequence[object]", given if isinstance(given, list) else [given])
    return frozenset(one for one in listed if isinstance(one, str) and one)


def _ids(given: object) -> frozenset[str]:
    if not isinstance(given, list):
        raise Unanswered("what it has as servers are none")
    found = (obj(one).get("id") for one in cast("list[object]", given))
    return frozenset(one for one in found if isinstance(one, str))
