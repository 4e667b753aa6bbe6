"""``rostra backup`` and ``rostra restore``: the database in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .running import Config, run

File = Annotated[Path, typer.Argument(metavar="FILE", help="A zip file; it holds no key.")]


def backup(file: File, config: Config = None) -> None:
    """Write all that the database holds into one file, while the bot runs. An older file is replaced.

    The master key is not in it: keep it elsewhere, and let old backups expire, or nobody is ever forgotten.

    Example: rostra backup rostra-backup.zip
    """
    from ..clock import SystemClock
    from ..config import load
    from ..storage.backup import backup

    settings = load(config)
    summary = run(backup(settings.storage.url, settings.data, file, clock=SystemClock()))
    typer.echo(
        f"{file}: {sum(summary.rows.values()):,} rows. The master key is not in it; keep it elsewhere."
    )


def restore(file: File, config: Config = None) -> None:
    """Fill an empty database with what a backup holds. The master key must be in its place.

    Example: rostra restore rostra-backup.zip
    """
    from ..config import load
    from ..storage.backup import restore

    settings = load(config)
    key = settings.storage.master_key
    master_key = key.get_secret_value() if key else None
    summary = run(restore(file, settings.storage.url, settings.data, master_key=master_key))
    typer.echo(f"{sum(summary.rows.values()):,} rows restored. Next: rostra doctor")
