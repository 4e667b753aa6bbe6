"""``rostra outbox``: replies that could not be delivered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from .running import Config, Json, run, store_of

if TYPE_CHECKING:
    from pathlib import Path

    from ..stores import Entry

app = typer.Typer(
    help="List replies that could not be delivered, and send them again.", rich_markup_mode=None
)

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="What `outbox list` shows as id.")]
All = Annotated[bool, typer.Option("--all", help="Send all of them again.")]


@app.callback()
def outbox() -> None:
    """List replies that could not be delivered, and send them again."""


@app.command("list")
def list_(config: Config = None, *, as_json: Json = False) -> None:
    """List the dead letters: replies that a platform refused for good, or too often. Texts are not shown.

    Example: rostra outbox list --json
    """
    from .printing import table

    rows = [
        {
            "id": entry.reply.id,
            "place": entry.reply.address.place.key,
            "received_at": entry.received_at.isoformat(timespec="seconds"),
            "attempts": str(entry.reply.attempts),
            "error": entry.reply.error,
        }
        for entry in run(_dead(config))
    ]
    if as_json:
        typer.echo(json.dumps({"outbox": rows}, indent=2))
    else:
        table(["Id", "Place", "Received", "Attempts", "Error"], [list(row.values()) for row in rows])


@app.command()
def resend(ids: Ids = None, config: Config = None, *, every: All = False) -> None:
    """Put dead letters back into the outbox; a running `rostra serve` sends them within a minute or two.

    Example: rostra outbox resend --all
    """
    if bool(ids) is every:
        raise typer.BadParameter("name ids, or say --all", param_hint="ID")
    sent = run(_resend(config, set(ids or ())))
    typer.echo(f"{sent} will be sent again.")


async def _dead(config: Path | None) -> list[Entry]:
    async with store_of(config) as store:
        return list(await store.dead())


async def _resend(config: Path | None, ids: set[str]) -> int:
    from ..delivery.reply import resend
    from ..errors import StoreError

    async with store_of(config) as store:
        dead = {entry.reply.id: entry.reply for entry in await store.dead()}
        unknown = sorted(ids - dead.keys())
        if unknown:
            raise StoreError(f"no dead letter {unknown[0]!r}; `rostra outbox list` shows them")
        chosen = [reply for id_, reply in dead.items() if not ids or id_ in ids]
        for reply in chosen:
            await store.advance(resend(reply))
        return len(chosen)
