"""Who is signed in: sessions by cookie, one-time links, passwords, and how often one may try."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from aiohttp import web

from rostra.accounts import TOKEN, Account, Session, Signed, new_token
from rostra.clock import Clock
from rostra.passwords import Passwords
from rostra.stages.limits import Buckets
from rostra.stores import Store

from .settings import WebSettings

COOKIE = "rostra"
GREETING = "rostra-greeting"
"""The cookie of whoever is not signed in yet: the form to sign in is bound to it."""
TOUCH_EVERY = timedelta(minutes=1)
ADDRESSES = 4
"""Times as many attempts are allowed from one address as for one account: several people share one."""
OPERATOR = "operator"
"""The account that the printed link signs in to."""


class TooMany(Exception):
    """So many attempts are not allowed; ``seconds`` until the next is."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many attempts; {seconds:.0f} s until the next")
        self.seconds = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Whoever sent a request: their session's token, and who they are. ``csrf`` is what their forms carry."""

    token: str
    signed: Signed

    @property
    def account(self) -> Account:
        """Who they are."""
        return self.signed.account

    @property
    def csrf(self) -> str:
        """What every change they ask for must carry."""
        return csrf_of(self.token)


def csrf_of(token: str) -> str:
    """Return what forms of the session with this token carry: whoever has not got the token cannot know it."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def fits(token: str, given: str) -> bool:
    """Return whether ``given`` is what forms of the session with this token carry."""
    return bool(token) and hmac.compare_digest(csrf_of(token).encode(), given.encode("utf-8", "replace"))


@dataclass(slots=True, kw_only=True)
class SignIn:
    """Lets people in, and out."""

    adapter: str
    settings: WebSettings
    store: Store
    clock: Clock
    passwords: Passwords = field(default_factory=Passwords)
    _names: Buckets = field(init=False)
    _addresses: Buckets = field(init=False)

    def __post_init__(self) -> None:
        most = self.settings.sign_ins_per_minute
        self._names = Buckets(per_minute=most, burst=most)
        self._addresses = Buckets(per_minute=ADDRESSES * most, burst=ADDRESSES * most)

    async def visit(self, request: web.Request) -> Visit | None:
        """Return who sent ``request``; None if nobody is signed in, or no longer. Raises `StoreError`."""
        token = request.cookies.get(name(COOKIE, request), "")
        return await self.visit_of(token)

    async def visit_of(self, token: str) -> Visit | None:
        """Return whose session has this token, if it holds. Raises `StoreError`."""
        if not TOKEN.fullmatch(token):
            return None
        signed, now = await self.store.session_of(token), self.clock.now()
        if signed is None or signed.session.kind != "session" or signed.account.adapter != self.adapter:
            return None
        if not signed.session.good(now, timedelta(hours=self.settings.idle_hours)) or self._shut(
            signed.account
        ):
            await self.store.end_session(token)
            return None
        if now - signed.session.seen_at >= TOUCH_EVERY:
            await self.store.touch_session(token, now)
        return Visit(token=token, signed=signed)

    async def by_password(self, request: web.Request, given: str, password: str) -> Account | None:
        """Return whose name and password these are. Raises `TooMany` and `StoreError`."""
        self.slow_down(request)
        wait = self._names.take(given.casefold(), self.clock.monotonic())
        if wait:
            raise TooMany(wait)
        found = await self.store.account_named(self.adapter, given)
        encoded = "" if found is None else found.password
        return found if await self.passwords.fits(encoded, password) else None

    def slow_down(self, request: web.Request) -> None:
        """Count an attempt to sign in. Raises `TooMany` where its address had so many."""
        wait = self._addresses.take(request.remote or "", self.clock.monotonic())
        if wait:
            raise TooMany(wait)

    def _shut(self, account: Account) -> bool:
        """Return whether the way that somebody signs in by is configured no longer."""
        if not account.by or (account.password and self.settings.accounts):
            return False
        return not any(one.knows(account.by) for one in self.settings.sign_in.values())

    async def by_link(self, token: str) -> Account | None:
        """Return whom a one-time link signs in, which is used by that; None if it was used, or is over."""
        found = await self.link(token)
        if found is None or not await self.store.end_session(token):
            return None
        return found

    async def link(self, token: str) -> Account | None:
        """Return whom a one-time link would sign in."""
        if not TOKEN.fullmatch(token):
            return None
        signed = await self.store.session_of(token)
        if signed is None or signed.session.kind != "link" or not signed.session.good(self.clock.now()):
            return None
        return signed.account if signed.account.adapter == self.adapter else None

    async def begin(self, request: web.Request, response: web.StreamResponse, account: Account) -> None:
        """Sign ``account`` in: with a new session, whatever the browser brought, which is over by that."""
        before = request.cookies.get(name(COOKIE, request), "")
        if TOKEN.fullmatch(before):
            await self.store.end_session(before)
        token, now = new_token(), self.clock.now()
        life = timedelta(days=self.settings.session_days)
        session = Session(account=account.id, made_at=now, seen_at=now, expires_at=now + life)
        await self.store.open_session(session, token)
        put(request, response, COOKIE, token, int(life.total_seconds()))
        drop(request, response, GREETING)

    async def end(self, request: web.Request, response: web.StreamResponse) -> None:
        """Sign whoever sent ``request`` out."""
        token = request.cookies.get(name(COOKIE, request), "")
        if TOKEN.fullmatch(token):
            await self.store.end_session(token)
        drop(request, response, COOKIE)

    async def has_owner(self) -> bool:
        """Return whether an owner can sign in: by a password, or as somebody whom the settings call one."""
        if any(one.roles.owner for one in self.settings.sign_in.values()):
            return True
        accounts = await self.store.accounts_of(self.adapter) if self.settings.accounts else ()
        return any("owner" in one.roles and one.password for one in accounts)

    async def operator_link(self) -> str | None:
        """Return the token of a one-time link for the operator, who gets an account if there is none.

        None where it is not for a link to let people in: they sign in, and an owner has an account.
        """
        if await self.has_owner():
            return None
        accounts = await self.store.accounts_of(self.adapter)
        found = next((one for one in accounts if one.name == OPERATOR), None)
        if found is None:
            found = await self.store.add_account(
                Account(adapter=self.adapter, name=OPERATOR, roles=frozenset({"owner"}))
            )
        return await self.new_link(found)

    async def new_link(self, account: Account) -> str:
        """Return the token of a link that signs ``account`` in once."""
        token, now = new_token(), self.clock.now()
        until = now + timedelta(minutes=self.settings.link_minutes)
        session = Session(account=account.id, made_at=now, seen_at=now, expires_at=until, kind="link")
        await self.store.open_session(session, token)
        return token


def name(cookie: str, request: web.Request) -> str:
    """Return the name of a cookie: where there is TLS, one that no other host and no plain connection can set."""
    return f"__Host-{cookie}" if request.secure else cookie


def put(request: web.Request, response: web.StreamResponse, cookie: str, value: str, seconds: int) -> None:
    """Set a cookie that scripts cannot read, and that no other site's form brings along."""
    response.set_cookie(
        name(cookie, request),
        value,
        max_age=seconds,
        path="/",
        secure=request.secure,
        httponly=True,
        samesite="Lax",
    )


def drop(request: web.Request, response: web.StreamResponse, cookie: str) -> None:
    """Remove a cookie."""
    response.del_cookie(name(cookie, request), path="/", secure=request.secure, httponly=True, samesite="Lax")


Announce = Callable[[str], None]
"""Takes a line for whoever started the bot, and for nobody else: it is no log."""
