"""Somebody to sign in with on this machine: an OpenID provider with a real key, or one that looks like Slack or Discord."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.clock import Clock
from rostra_adapters.server import Server

CLIENT, SECRET = "page-1", "s3cret of the page"


def new_key() -> EllipticCurvePrivateKey:
    return new_ec(SECP256R1())


def jwk(key: Any, kid: str, alg: str = "ES256") -> dict[str, Any]:
    """Return the public half, as a provider shows it."""
    algorithm = jwt.get_algorithm_by_name(alg)
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", "alg": alg}


@dataclass(slots=True, kw_only=True)
class Provider:
    """What it says can be set, and what it was asked is kept."""

    clock: Clock
    url: str = ""
    user: dict[str, Any] = field(default_factory=dict[str, Any])
    """Claims of whoever signs in next; for Discord, ``/users/@me``."""
    guilds: list[str] = field(default_factory=list[str])
    more: dict[str, Any] = field(default_factory=dict[str, Any])
    """What userinfo says beside."""
    discovery: dict[str, Any] = field(default_factory=dict[str, Any])
    key: Any = field(default_factory=new_key)
    kid: str = "k1"
    alg: str = "ES256"
    keys: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    header: dict[str, Any] = field(default_factory=dict[str, Any])
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    """Put over what an ID token should say; None takes a claim away."""
    sign: Callable[[dict[str, Any]], str] | None = None
    answer: dict[str, Any] | None = None
    error: str = ""
    down: bool = False
    moved: bool = False
    back: dict[str, str] = field(default_factory=dict[str, str])
    """Put over what comes back with the browser."""
    issued: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    used: set[str] = field(default_factory=set[str])
    asked: list[str] = field(default_factory=list[str])
    forms: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    tokens: list[str] = field(default_factory=list[str])

    def rotate(self, kid: str) -> None:
        """Sign with a new key from now on."""
        self.key, self.kid = new_key(), kid
        self.keys = [jwk(self.key, kid)]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/.well-known/openid-configuration", self._discovery),
            web.get("/moved", self._discovery),
            web.get("/authorize", self._authorize),
            web.get("/oauth2/authorize", self._authorize),
            web.post("/token", self._token),
            web.post("/api/oauth2/token", self._token),
            web.get("/keys", self._keys),
            web.get("/userinfo", self._userinfo),
            web.get("/api/v10/users/@me", self._me),
            web.get("/api/v10/users/@me/guilds", self._guilds),
        ]

    async def _discovery(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.down:
            return web.json_response({}, status=503)
        if self.moved and request.path != "/moved":
            return web.Response(status=307, headers={"Location": f"{self.url}/moved"})
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
        }
        return web.json_response({**document, **self.discovery})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        self.asked.append(request.path)
        back = {"state": asked["state"]}
        if self.error:
            back["error"] = self.error
        else:
            back["code"] = token_urlsafe(16)
            self.issued[back["code"]] = asked
        back.update(self.back)
        address = str(request.url.__class__(asked["redirect_uri"]).with_query(back))
        return web.Response(status=303, headers={"Location": address, "Set-Cookie": "idp=1"})

    async def _token(self, request: web.Request) -> web.Response:
        assert "Cookie" not in request.headers
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.forms.append(form)
        said = b64decode(request.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        client, _, secret = said.partition(":")
        asked = None if form["code"] in self.used else self.issued.get(form["code"])
        self.used.add(form["code"])
        digest = sha256(form["code_verifier"].encode()).digest()
        right = (
            asked is not None
            and (client, secret) == (CLIENT, SECRET.replace(" ", "+"))
            and (form["grant_type"], form["redirect_uri"]) == ("authorization_code", asked["redirect_uri"])
            and urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
            and asked["code_challenge_method"] == "S256"
        )
        if not right or asked is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = token_urlsafe(24)
        self.tokens.append(token)
        given = {"access_token": token, "token_type": "Bearer"}
        if "nonce" in asked:
            given["id_token"] = self._id_token(asked["nonce"])
            self.tokens.append(given["id_token"])
        return web.json_response(given if self.answer is None else self.answer)

    def _id_token(self, nonce: str) -> str:
        now = int(self.clock.now().timestamp())
        said = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, **self.user}
        claims = {key: value for key, value in {**said, **self.claims}.items() if value is not None}
        if self.sign is not None:
            return self.sign(claims)
        return jwt.encode(claims, self.key, algorithm=self.alg, headers={"kid": self.kid, **self.header})

    async def _keys(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.json_response({"keys": self.keys or [jwk(self.key, self.kid, self.alg)]})

    async def _userinfo(self, request: web.Request) -> web.Response:
        self._bearer(request)
        return web.json_response({"sub": self.user["sub"], **self.more})

    async def _me(self, request: web.Request) -> web.Response:
        self._bearer(request)
        return web.json_response(self.user)

    async def _guilds(self, request: web.Request) -> web.Response:
        self._bearer(request)
        return web.json_response([{"id": one, "name": "A server"} for one in self.guilds])

    def _bearer(self, request: web.Request) -> None:
        self.asked.append(request.path)
        assert request.headers["Authorization"].removeprefix("Bearer ") in self.tokens


def ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@asynccontextmanager
async def providing(clock: Clock, **what: Any) -> AsyncGenerator[Provider]:
    """Run one."""
    provider = Provider(clock=clock, **what)
    server = Server(address="127.0.0.1:0", clock=clock)
    with server.mount("", provider.routes()):
        await server.open()
        provider.url = server.url
        try:
            yield provider
        finally:
            await server.close()
