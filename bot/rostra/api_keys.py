"""Keys of applications: who may call the bot over HTTP, for what, how often and until when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Literal, Protocol, TypeAlias, get_args

from .places import Person

ApiScope: TypeAlias = Literal["chat", "moderations", "why"]
"""Ask and be answered; have texts judged; read why an answer is what it is."""
API_SCOPES: tuple[ApiScope, ...] = get_args(ApiScope)

KeyRefusal: TypeAlias = Literal["unknown", "revoked", "expired", "scope"]
"""No such key; an operator ended it; its time is over; it is good, but not for this."""

PREFIX = "rk-"
"""What a secret begins with, so that those who look for secrets in the wrong places find it."""
SECRET_BYTES = 32
SECRET = re.compile(r"[!-~]{32,256}")
"""What may be a secret. A shorter one could be guessed, the more so as its end is shown."""
HINT = 4
"""Characters at the end of a secret that are shown, to tell keys apart."""
APPLICATION = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of an application. The secret itself is known only to whoever was told it once.

    ``id`` and ``hint``, the last four characters of the secret, are given by the store; so is ``made_at`` where it is
    None. ``per_minute`` is how many requests it may make, None for any number. ``expires_at`` was settled when it was
    made; ``revoked_at`` is when an operator ended or ends it, which may be to come. All moments are aware.
    Raises `ValueError`.
    """

    application: str
    scopes: frozenset[ApiScope] = frozenset(API_SCOPES)
    id: str = ""
    hint: str = ""
    per_minute: int | None = None
    made_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def __post_init__(self) -> None:
        if not APPLICATION.fullmatch(self.application):
            raise ValueError(
                f"{self.application!r} is no name of an application; up to 32 of a-z, 0-9, _ and - would be right,"
                " a letter or a digit first"
            )
        if not self.scopes or not self.scopes <= set(API_SCOPES):
            raise ValueError(
                f"{sorted(self.scopes)!r} are no scopes of a key; one or more of {', '.join(API_SCOPES)} would be right"
            )
        if self.per_minute is not None and not 1 <= self.per_minute <= 10**6:
            raise ValueError(f"{self.per_minute!r} requests a minute; from 1 to 1000000 would be right")

    @property
    def ends_at(self) -> datetime | None:
        """When it ends or ended, whatever ends it; None if nothing does."""
        return min((at for at in (self.expires_at, self.revoked_at) if at is not None), default=None)

    @property
    def life(self) -> timedelta | None:
        """How long it was to live when it was made; None for ever."""
        if self.made_at is None or self.expires_at is None:
            return None
        return self.expires_at - self.made_at


class ApiKeys(Protocol):
    """The keys of applications. Secrets are not kept: a key is found by a keyed hash of its secret.

    Keys that ended stay, so that it can be seen afterwards which there were.
    """

    async def add_key(
        self, key: ApiKey, secret: str, *, actor: Person | None = None, adapter: str = ""
    ) -> ApiKey:
        """Add a key and an entry in the log of changes; ``adapter``: whose platform knows ``actor``.

        Return it with its id, its hint and its time. Raises `StoreError` if the secret is not as `SECRET`
        says, or that of a key already.
        """
        ...

    async def key_of(self, secret: str) -> ApiKey | None:
        """Return the key with this secret, also if it has ended: `refusal` says whether it is good."""
        ...

    async def api_keys(self) -> Sequence[ApiKey]:
        """Return all keys, newest first: also those that ended."""
        ...

    async def end_key(
        self, id_: str, at: datetime, *, actor: Person | None = None, adapter: str = ""
    ) -> ApiKey:
        """Have a key end at ``at`` and add an entry to the log of changes, unless it ends no later anyway.

        Return it as it is then. Raises `StoreError` if there is no such key.
        """
        ...


def new_secret() -> str:
    """Return a secret of 256 random bits, as text that needs no quoting anywhere."""
    return f"{PREFIX}{token_urlsafe(SECRET_BYTES)}"


def refusal(key: ApiKey | None, now: datetime, scope: ApiScope | None = None) -> KeyRefusal | None:
    """Return why ``key`` is no good at the moment ``now``, None if it is.

    With ``scope``: for that; without: for anything at all. Its limit of requests is not looked at.
    """
    if key is None:
        return "unknown"
    if key.revoked_at is not None and key.revoked_at <= now:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "scope" if scope is not None and scope not in key.scopes else None
