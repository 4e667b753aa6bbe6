"""``rostra user``: everything that is kept about one person, handed over or erased."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..kept import counted, erased
from .running import Config, Json, run, store_of

if TYPE_CHECKING:
    from ..feedback.values import Erasure
    from ..kept import Kept
    from ..storage.sql import SqlStore
    from ..stores import Store

app = typer.Typer(help="Hand over what is kept about a person, or erase it.", rich_markup_mode=None)

Who = Annotated[
    str,
    typer.Argument(
        metavar="PERSON",
        help="ADAPTER/ID, such as discord/1234; or their pseudonym, as in the log of changes.",
    ),
]
PSEUDONYM = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


@app.callback()
def user() -> None:
    """Hand over what is kept about a person, or erase it."""


@app.command()
def export(
    person: Who,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of printing.")
    ] = None,
    config: Config = None,
) -> None:
    """Print everything that is kept about a person, unsealed, as one JSON object.

    It is what they said and were answered, what they allowed, rated and used, strikes, reviews, and the datasets they are in.

    Example: rostra user export discord/80351110224678912 --output person.json
    """
    found = run(_exported(config, person))
    text = json.dumps(asdict(found), indent=2)
    if output is None:
        typer.echo(text)
        return
    _write(output, f"{text}\n")
    typer.echo(f"{counted(found)} written to {output}", err=True)


@app.command()
def erase(
    person: Who,
    config: Config = None,
    *,
    withdraw: Annotated[
        bool,
        typer.Option("--withdraw", help="Leave what they ranked out of all figures and new datasets, too."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Destroy a person's key and account, and every text of theirs.

    Datasets that they are in are marked, and the models that learned from those are named. What they ranked stays, with no
    name. It cannot be undone. Backups made before still hold the key: let them expire.

    Example: rostra user erase discord/80351110224678912 --yes
    """
    before = run(_exported(config, person))
    if not yes:
        _ask(person, before)
    done = run(_erased(config, before, withdraw=withdraw))
    if as_json:
        typer.echo(json.dumps(_described(before, done), indent=2))
        return
    for line in erased(before, done):
        typer.echo(line)


def _ask(person: str, before: Kept) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody is here to confirm it; add --yes", param_hint="--yes")
    typer.echo(f"{person}: {counted(before)}", err=True)
    if not typer.confirm("Erase all of it, for good?", err=True):
        raise typer.Exit(1)


async def _exported(config: Path | None, person: str) -> Kept:
    from ..errors import ConfigError

    async with store_of(config) as opened:
        store = _on_disk(opened)
        pseudonym = await _pseudonym(store, person)
        found = await store.kept(pseudonym) if pseudonym else None
        if found is None:
            raise ConfigError(
                f"nothing is kept about {person!r}; ADAPTER/ID would be right, such as discord/1234,"
                " or a pseudonym of somebody who was not erased"
            )
        return found


async def _erased(config: Path | None, before: Kept, *, withdraw: bool) -> Erasure:
    async with store_of(config) as opened:
        account = before.account
        return await _on_disk(opened).erase(account["adapter"], account["id"], withdraw=withdraw)


def _on_disk(store: Store) -> SqlStore:
    from ..errors import ConfigError
    from ..storage.sql import SqlStore

    if not isinstance(store, SqlStore):
        raise ConfigError("[storage] url = 'memory:' keeps nothing about anybody")
    return store


async def _pseudonym(store: SqlStore, person: str) -> str:
    """Return the pseudonym of whoever is meant; empty if nobody is."""
    if PSEUDONYM.fullmatch(person):
        return person.replace("-", "")
    adapter, _, name = person.partition("/")
    return next(iter(await store.known(adapter, name)), "") if name else ""


def _write(output: Path, text: str) -> None:
    from ..errors import ConfigError

    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(output, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{str(output)!r} cannot be written: {error.strerror}") from error


def _described(before: Kept, done: Erasure) -> dict[str, Any]:
    return {
        "person": before.person,
        "texts": done.texts,
        "judgments": done.judgments,
        "withdrawn": done.withdrawn,
        "explanations": len(before.explanations),
        "strikes": len(before.strikes),
        "spending": len(before.spending),
        "datasets": [{"name": one.name, "version": one.version} for one in done.lineage.datasets],
        "exports": [{"uri": one.uri, "format": one.format} for one in done.lineage.exports],
        "models": list(done.lineage.models),
    }
