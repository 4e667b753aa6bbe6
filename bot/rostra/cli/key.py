"""``rostra key``: keys of applications that call the bot over HTTP, made, listed, ended and replaced."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .running import Config, Json, run, store_of

if TYPE_CHECKING:
    from ..api_keys import ApiKey
    from ..stores import Store

app = typer.Typer(
    help="Make keys for applications that call the bot over HTTP, and end them.", rich_markup_mode=None
)


class ScopeName(StrEnum):
    """What a key is for."""

    chat = "chat"
    moderations = "moderations"
    why = "why"


Application = Annotated[
    str,
    typer.Argument(
        metavar="APPLICATION",
        help="Whose key it is: up to 32 of a-z, 0-9, _ and -. Its figures go by this name.",
    ),
]
Id = Annotated[
    str, typer.Argument(metavar="ID", help="What `rostra key list` shows as id; never the secret.")
]
Scopes = Annotated[
    list[ScopeName] | None,
    typer.Option("--scope", help="What it is for; may be repeated. All of them by default."),
]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires", metavar="LENGTH", help="How long it lives: 90d, 12h, 30m or 2w. For ever by default."
    ),
]
PerMinute = Annotated[
    int | None,
    typer.Option(
        "--per-minute", min=1, max=10**6, help="How many requests it may make. Any number by default."
    ),
]
Keep = Annotated[
    str,
    typer.Option(
        "--keep", metavar="LENGTH", help="How long the old key is good beside the new one: 24h, 0h."
    ),
]

_LENGTH = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=36_500)


@app.callback()
def key() -> None:
    """Make keys for applications that call the bot over HTTP, and end them."""


@app.command()
def new(
    application: Application,
    scope: Scopes = None,
    expires: Expires = None,
    per_minute: PerMinute = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Make a key, and print its secret: this once, for it is not kept. All else goes to standard error.

    Example: rostra key new chat-page --scope chat --scope why --expires 90d --per-minute 60
    """
    from ..api_keys import API_SCOPES, ApiKey

    life = None if expires is None else _length(expires, "--expires")
    if life is not None and not life:
        raise typer.BadParameter(f"{expires!r} is over at once; write 90d or 12h", param_hint="--expires")
    try:
        wanted = ApiKey(
            application=application,
            scopes=frozenset(one for one in API_SCOPES if not scope or one in scope),
            per_minute=per_minute,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="APPLICATION") from error
    made, secret = run(_made(config, wanted, life))
    _hand_over(made, secret, None, as_json=as_json)


@app.command("list")
def list_(config: Config = None, *, as_json: Json = False) -> None:
    """List all keys, newest first, also those that ended. Secrets are not kept; HINT is the end of each.

    Example: rostra key list --json
    """
    from ..clock import SystemClock
    from .printing import table

    found, now = run(_listed(config)), SystemClock().now()
    if as_json:
        typer.echo(json.dumps({"keys": [_plain(one, now) for one in found]}, indent=2))
        return
    header = ["Id", "Application", "Hint", "Scopes", "Per minute", "Made", "Ends", "State"]
    table(header, [_row(one, now) for one in found])


@app.command()
def revoke(id_: Id, config: Config = None, *, as_json: Json = False) -> None:
    """End a key at once. It cannot be taken back: make a new one.

    Example: rostra key revoke 0192f0a1b2c37d4e8f90a1b2c3d4e5f6
    """
    from ..clock import SystemClock

    ended, news = run(_ended(config, _no_secret(id_)))
    if as_json:
        typer.echo(json.dumps({"key": _plain(ended, SystemClock().now())}, indent=2))
    elif news:
        typer.echo(f"The key {ended.id} of {ended.application} is no good any more.")
    else:
        typer.echo(f"The key {ended.id} of {ended.application} ended before, at {_at(ended.ends_at)}.")


@app.command()
def rotate(id_: Id, keep: Keep = "24h", config: Config = None, *, as_json: Json = False) -> None:
    """Make a new key with the same application, scopes, limit and length of life; the old one ends after --keep.

    The new secret is printed this once; all else goes to standard error.

    Example: rostra key rotate 0192f0a1b2c37d4e8f90a1b2c3d4e5f6 --keep 1h
    """
    made, secret, old = run(_rotated(config, _no_secret(id_), _length(keep, "--keep")))
    _hand_over(made, secret, old, as_json=as_json)


async def _made(config: Path | None, wanted: ApiKey, life: timedelta | None) -> tuple[ApiKey, str]:
    from dataclasses import replace

    from ..api_keys import new_secret
    from ..clock import SystemClock

    now, secret = SystemClock().now(), new_secret()
    expires_at = None if life is None else now + life
    async with _keeping(config) as store:
        return await store.add_key(replace(wanted, made_at=now, expires_at=expires_at), secret), secret


async def _listed(config: Path | None) -> list[ApiKey]:
    async with _keeping(config) as store:
        return list(await store.api_keys())


async def _ended(config: Path | None, id_: str) -> tuple[ApiKey, bool]:
    """End a key now; return it, and whether it was good until then."""
    from ..api_keys import refusal
    from ..clock import SystemClock

    async with _keeping(config) as store:
        now = SystemClock().now()
        good = refusal(await _key(store, id_), now) is None
        return await store.end_key(id_, now), good


async def _rotated(config: Path | None, id_: str, keep: timedelta) -> tuple[ApiKey, str, ApiKey]:
    from ..api_keys import ApiKey, new_secret
    from ..clock import SystemClock
    from ..errors import StoreError

    async with _keeping(config) as store:
        now, secret = SystemClock().now(), new_secret()
        old = await _key(store, id_)
        if old.revoked_at is not None or (old.ends_at is not None and old.ends_at <= now):
            raise StoreError(
                f"the key {old.id!r} was given an end already, {_at(old.ends_at)}: "
                f"rotate the one that followed it, or run: rostra key new {old.application}"
            )
        following = ApiKey(
            application=old.application,
            scopes=old.scopes,
            per_minute=old.per_minute,
            made_at=now,
            expires_at=None if old.life is None else now + old.life,
        )
        # The new one first: between the two, and after a crash there, an application is never without a good key.
        made = await store.add_key(following, secret)
        return made, secret, await store.end_key(old.id, now + keep)


async def _key(store: Store, id_: str) -> ApiKey:
    from ..errors import StoreError

    for one in await store.api_keys():
        if one.id == id_:
            return one
    raise StoreError(f"there is no key with the id {id_!r}; `rostra key list` shows them")


@asynccontextmanager
async def _keeping(config: Path | None) -> AsyncGenerator[Store]:
    from ..errors import ConfigError
    from ..storage.sql import SqlStore

    async with store_of(config) as store:
        if not isinstance(store, SqlStore):
            raise ConfigError("[storage] url = 'memory:' keeps no keys; leave url out, or name a database")
        yield store


def _no_secret(id_: str) -> str:
    """Return ``id_`` unless it cannot be one: then it may be a secret, which is not repeated."""
    if not re.fullmatch("[0-9a-f]{32}", id_):
        raise typer.BadParameter(
            "that is no id of a key, which is 32 of 0-9 and a-f; `rostra key list` shows them",
            param_hint="ID",
        )
    return id_


def _length(text: str, option: str) -> timedelta:
    found = _LENGTH.fullmatch(text)
    length = None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
    if length is None or length > _LONGEST:
        raise typer.BadParameter(
            f"{text!r} is no length of time; write 90d, 12h, 30m or 2w, a hundred years at most",
            param_hint=option,
        )
    return length


def _hand_over(made: ApiKey, secret: str, old: ApiKey | None, *, as_json: bool) -> None:
    from ..clock import SystemClock

    if as_json:
        now = SystemClock().now()
        before = {} if old is None else {"replaces": _plain(old, now)}
        typer.echo(json.dumps({"secret": secret, "key": _plain(made, now), **before}, indent=2))
        return
    typer.echo(secret)
    allowed = (
        "any number of requests" if made.per_minute is None else f"{made.per_minute:,} requests a minute"
    )
    ends = "for ever" if made.ends_at is None else f"until {_at(made.ends_at)}"
    typer.echo(
        f"That is the secret of the key {made.id} of {made.application}: {', '.join(_scopes(made))}; {allowed}; {ends}.",
        err=True,
    )
    if old is not None:
        typer.echo(f"The old key, {old.id}, is good until {_at(old.ends_at)}.", err=True)
    typer.echo("It is not kept and not shown again.", err=True)


def _scopes(one: ApiKey) -> list[str]:
    from ..api_keys import API_SCOPES

    return [scope for scope in API_SCOPES if scope in one.scopes]


def _state(one: ApiKey, now: datetime) -> str:
    from ..api_keys import refusal

    return refusal(one, now) or ("good" if one.revoked_at is None else "ending")


def _plain(one: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "application": one.application,
        "hint": one.hint,
        "scopes": _scopes(one),
        "per_minute": one.per_minute,
        "made_at": _iso(one.made_at),
        "expires_at": _iso(one.expires_at),
        "revoked_at": _iso(one.revoked_at),
        "state": _state(one, now),
    }


def _row(one: ApiKey, now: datetime) -> list[str]:
    limit = "any" if one.per_minute is None else f"{one.per_minute:,}"
    ends = "never" if one.ends_at is None else _at(one.ends_at)
    scopes = " ".join(_scopes(one))
    return [one.id, one.application, f"…{one.hint}", scopes, limit, _at(one.made_at), ends, _state(one, now)]


def _at(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M UTC")


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
