"""``rostra account``: people who sign in to the chat page with a name and a password."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .running import Config, Json, run, store_of

if TYPE_CHECKING:
    from ..accounts import Account
    from ..stores import Store

app = typer.Typer(help="Make accounts for people who sign in to the chat page.", rich_markup_mode=None)


class RoleName(StrEnum):
    """What `[permissions]` may name as ``web/:@ROLE``."""

    rater = "rater"
    operator = "operator"
    owner = "owner"


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="What they sign in with; case makes no difference.")
]
Roles = Annotated[
    list[RoleName] | None,
    typer.Option("--role", help="What they may do beyond asking; may be repeated."),
]
Where = Annotated[
    str, typer.Option("--adapter", metavar="NAME", help="The page they sign in to: its name in `[adapters]`.")
]
Piped = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it."),
]


@app.callback()
def account() -> None:
    """Make accounts for people who sign in to the chat page.

    `rostra user erase ADAPTER/ID` removes one, with everything that is kept about the person. Whoever signs in with an
    account elsewhere gets one by that, and has the roles that the configuration says.
    """


@app.command()
def new(
    name: Name,
    role: Roles = None,
    adapter: Where = "web",
    config: Config = None,
    *,
    password_stdin: Piped = False,
    as_json: Json = False,
) -> None:
    """Make an account. Its password is asked for twice, and kept as an Argon2id hash.

    Example: rostra account new ann --role owner
    """
    from ..accounts import Account

    try:
        wanted = Account(adapter=adapter, name=name, roles=frozenset(one.value for one in role or ()))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error
    made = run(_made(config, wanted, _password(piped=password_stdin)))
    _hand_over(made, f"{made.name} may sign in to {made.adapter!r}", as_json=as_json)


@app.command("list")
def list_(adapter: Where = "web", config: Config = None, *, as_json: Json = False) -> None:
    """List the accounts of a page, oldest first.

    Example: rostra account list --json
    """
    from .printing import table

    found = run(_listed(config, adapter))
    if as_json:
        typer.echo(json.dumps({"accounts": [_plain(one) for one in found]}, indent=2))
        return
    rows = [[one.id, one.name, " ".join(sorted(one.roles)), _by(one), _at(one)] for one in found]
    table(["Id", "Name", "Roles", "Signs in by", "Made"], rows)


@app.command()
def password(
    name: Name,
    adapter: Where = "web",
    config: Config = None,
    *,
    password_stdin: Piped = False,
    as_json: Json = False,
) -> None:
    """Give an account a new password, and sign it out everywhere.

    Example: rostra account password ann
    """
    changed = run(_changed(config, adapter, name, password=_password(piped=password_stdin)))
    _hand_over(changed, f"{changed.name} has a new password and was signed out", as_json=as_json)


@app.command()
def roles(
    name: Name, role: Roles = None, adapter: Where = "web", config: Config = None, *, as_json: Json = False
) -> None:
    """Give an account these roles instead of those it has (none without --role), and sign it out everywhere.

    Example: rostra account roles ann --role operator
    """
    changed = run(_changed(config, adapter, name, roles=frozenset(one.value for one in role or ())))
    told = " ".join(sorted(changed.roles)) or "no roles"
    _hand_over(changed, f"{changed.name} has {told} now and was signed out", as_json=as_json)


async def _made(config: Path | None, wanted: Account, password: str) -> Account:
    from dataclasses import replace

    async with _keeping(config) as store:
        return await store.add_account(replace(wanted, password=password))


async def _listed(config: Path | None, adapter: str) -> list[Account]:
    async with _keeping(config) as store:
        return list(await store.accounts_of(adapter))


async def _changed(config: Path | None, adapter: str, name: str, **what: Any) -> Account:
    from dataclasses import replace

    from ..errors import StoreError

    async with _keeping(config) as store:
        found = await store.account_named(adapter, name)
        if found is None:
            raise StoreError(f"{adapter!r} has no account named {name!r}; `rostra account list` shows them")
        changed = replace(found, **what)
        await store.change_account(changed)
        return changed


@asynccontextmanager
async def _keeping(config: Path | None) -> AsyncGenerator[Store]:
    from ..errors import ConfigError
    from ..storage.sql import SqlStore

    async with store_of(config) as store:
        if not isinstance(store, SqlStore):
            raise ConfigError(
                "[storage] url = 'memory:' keeps no accounts; leave url out, or name a database"
            )
        yield store


def _password(*, piped: bool) -> str:
    """Return the hash of the password that was given."""
    from ..passwords import encode

    if piped:
        given = sys.stdin.readline().rstrip("\r\n")
    else:
        given = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    try:
        return encode(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="the password") from error


def _hand_over(one: Account, said: str, *, as_json: bool) -> None:
    typer.echo(json.dumps({"account": _plain(one)}, indent=2) if as_json else f"{said}. Id: {one.id}")


def _plain(one: Account) -> dict[str, Any]:
    return {
        "id": one.id,
        "adapter": one.adapter,
        "name": one.name,
        "roles": sorted(one.roles),
        "by": one.by,
        "made_at": None if one.made_at is None else one.made_at.isoformat(timespec="seconds"),
    }


def _by(one: Account) -> str:
    """Return how somebody signs in; nothing for whoever only opens printed links."""
    return ", ".join([one.by] * bool(one.by) + ["password"] * bool(one.password))


def _at(one: Account) -> str:
    return "" if one.made_at is None else one.made_at.strftime("%Y-%m-%d %H:%M UTC")
