"""Accounts of people who sign in to the bot itself, and their sessions: for adapters that no platform vouches for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Literal, Protocol, TypeAlias, get_args

from .places import Person

AccountRole: TypeAlias = Literal["rater", "operator", "owner"]
"""A role that ``[permissions]`` may name as ``web/:@ROLE``; whoever has none may ask."""
ACCOUNT_ROLES: tuple[AccountRole, ...] = get_args(AccountRole)

SessionKind: TypeAlias = Literal["session", "link"]
"""Signed in; a link that signs in once."""

TOKEN_BYTES = 32
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
"""How a token is written: 256 random bits."""
NAME = 64
"""Characters in the name of an account, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may sign in to the adapter with this name.

    ``id``, given by the store, is their id on that platform (`rostra.places.Person.id`). ``password`` is encoded, as its
    hasher wrote it, with all that it takes to check it; empty for whoever signs in another way. ``by`` names that way
    and who they are there, such as ``oidc:ISSUER:SUBJECT``. Raises `ValueError`.
    """

    adapter: str
    name: str
    roles: frozenset[AccountRole] = frozenset()
    id: str = ""
    password: str = ""
    by: str = ""
    made_at: datetime | None = None

    def __post_init__(self) -> None:
        name = self.name
        if not (1 <= len(name) <= NAME and name.isprintable() and name == name.strip()):
            raise ValueError(
                f"{name!r} is no name of an account; 1 to {NAME} printable characters would be right,"
                " none of them a space at either end"
            )
        if not self.roles <= set(ACCOUNT_ROLES):
            raise ValueError(
                f"{sorted(self.roles)!r} are no roles of an account; {', '.join(ACCOUNT_ROLES)}, or none, would be right"
            )

    def __repr__(self) -> str:
        """Return what may stand in a log: neither the name nor the password."""
        return f"Account(adapter={self.adapter!r}, id={self.id!r}, roles={sorted(self.roles)!r})"

    @property
    def person(self) -> Person:
        """Who writes."""
        return Person(id=self.id, roles=frozenset(self.roles))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody is signed in since ``made_at`` until ``expires_at``, at the latest, and was last here at ``seen_at``.

    A ``link`` is there to be ended: whoever ends it has used it. ``account`` is the account's id.
    """

    account: str
    made_at: datetime
    seen_at: datetime
    expires_at: datetime
    kind: SessionKind = "session"

    def good(self, now: datetime, idle: timedelta | None = None) -> bool:
        """Return whether it still holds at ``now``, where ``idle`` is how long one may be away."""
        return now < self.expires_at and (idle is None or now - self.seen_at < idle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A session, and whose it is."""

    session: Session
    account: Account


class Accounts(Protocol):
    """Accounts and sessions. Tokens are not kept: a session is found by a keyed hash of its token.

    They go when the person is erased. A session goes when it is over.
    """

    async def add_account(
        self, account: Account, *, actor: Person | None = None, adapter: str = ""
    ) -> Account:
        """Add an account and an entry in the log of changes; ``adapter``: whose platform knows ``actor``.

        Return it with its id and its time. Raises `StoreError` if the name is taken: names differ in more than case; or if
        whoever is ``by`` has an account there already.
        """
        ...

    async def account_named(self, adapter: str, name: str) -> Account | None:
        """Return the account with this name."""
        ...

    async def account_by(self, adapter: str, by: str) -> Account | None:
        """Return the account of whoever is ``by`` elsewhere, as `Account.by` writes it; none for an empty one."""
        ...

    async def accounts_of(self, adapter: str) -> Sequence[Account]:
        """Return all accounts of an adapter, oldest first."""
        ...

    async def change_account(
        self, account: Account, *, actor: Person | None = None, adapter: str = ""
    ) -> None:
        """Change the roles and the password of the account with this id, and end all its sessions.

        Raises `StoreError` if there is none.
        """
        ...

    async def open_session(self, session: Session, token: str) -> None:
        """Begin a session. Raises `StoreError` if there is no such account, or ``token`` is not as `TOKEN` says."""
        ...

    async def session_of(self, token: str) -> Signed | None:
        """Return the session with this token, also one that is over: `Session.good` says whether it holds."""
        ...

    async def touch_session(self, token: str, at: datetime) -> None:
        """Say that somebody was here."""
        ...

    async def end_session(self, token: str) -> bool:
        """End a session. Return whether it was there: of several who end a link at once, one used it."""
        ...


def new_token() -> str:
    """Return 256 random bits, as text that needs no quoting anywhere."""
    return token_urlsafe(TOKEN_BYTES)


def folded(name: str) -> str:
    """Return what two names have in common that are told apart by nobody.

    >>> folded("Ann") == folded("ANN")
    True
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
