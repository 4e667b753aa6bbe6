"""``rostra audit``: whether the log of changes is whole, and all of it for those who keep such logs."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from .running import Config, Json, run, store_of

if TYPE_CHECKING:
    from ..storage.audit import Verified

app = typer.Typer(help="Check the log of changes, and export it.", rich_markup_mode=None)

Known = Annotated[
    str | None,
    typer.Option("--known", metavar="HASH", help="A hash written down earlier: it must still be there."),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Leave out what is older, in UTC."
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of printing.")
]


@app.callback()
def audit() -> None:
    """Check the log of changes, and export it."""


@app.command()
def verify(known: Known = None, config: Config = None, *, as_json: Json = False) -> None:
    """Follow the chain of hashes from the first entry; exit status 1 says that somebody has meddled with the log.

    The newest entries could be cut off unseen: write down the last hash somewhere else, and ask for it with --known.

    Example: rostra audit verify --known 2c26b46b68ff…
    """
    found, there = run(_followed(config, None, None, known))
    if as_json:
        answer = {
            "whole": there and found.broken is None,
            "entries": found.entries,
            "broken": found.broken,
            "last": found.last,
        }
        typer.echo(json.dumps(answer | ({} if known is None else {"known": there}), indent=2))
    else:
        typer.echo(_said(found))
    _judge(found, known, there, quiet=as_json)


@app.command()
def export(since: Since = None, output: Output = None, known: Known = None, config: Config = None) -> None:
    """Print the log of changes, one JSON object a line: who (a pseudonym), what, when, and the hashes. No message is in it.

    The whole chain is checked as well, whatever is left out; exit status 1 says that it is broken.

    Example: rostra audit export --since 2026-01-01 --output audit.jsonl
    """
    after = None if since is None else since.replace(tzinfo=UTC)
    with _writable(output) as file:
        found, there = run(_followed(config, file, after, known))
    typer.echo(_said(found), err=True)
    _judge(found, known, there, quiet=False)


async def _followed(
    config: Path | None, file: IO[str] | None, since: datetime | None, known: str | None
) -> tuple[Verified, bool]:
    """Follow the chain, write what is wanted of it, and say whether an entry has the hash ``known``."""
    from ..errors import ConfigError
    from ..storage.audit import exported
    from ..storage.sql import SqlStore

    seen: set[str] = set()

    def look(entry: Mapping[str, Any]) -> None:
        seen.update({entry["hash"].hex()} & {known})
        if file is not None and (since is None or entry["at"].astimezone(UTC) >= since):
            file.write(f"{exported(entry)}\n")

    async with store_of(config) as store:
        if not isinstance(store, SqlStore):
            raise ConfigError("[storage] url = 'memory:' keeps no log of changes")
        return await store.verify_audit(look), known is None or known in seen


@contextmanager
def _writable(output: Path | None) -> Generator[IO[str]]:
    from ..errors import ConfigError

    if output is None:
        yield sys.stdout
        return
    try:
        with output.open("w", encoding="utf-8", errors="surrogatepass") as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{str(output)!r} cannot be written: {error.strerror}") from error


def _said(found: Verified) -> str:
    if found.broken is not None:
        return f"✗ the log is broken at entry {found.broken}: it was changed after it was written, or one before it is missing"
    if not found.entries:
        return "✓ the log is empty"
    return f"✓ {found.entries:,} entries hold; the last hash is {found.last}"


def _judge(found: Verified, known: str | None, there: bool, *, quiet: bool) -> None:  # noqa: FBT001  two facts of one look
    if not there and not quiet:
        typer.echo(f"✗ no entry has the hash {known!r}: entries were cut off, or changed", err=True)
    if found.broken is not None or not there:
        raise typer.Exit(1)
