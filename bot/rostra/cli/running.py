"""What commands that run a bot have in common: its configuration, its logs, its signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from ..config import Settings
    from ..protocols import Adapter
    from ..stores import Store

T = TypeVar("T")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration; rostra.toml in this folder by default.", metavar="FILE"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def private(data: Path) -> Path:
    """Return the data folder, made for its owner alone if it was not there. Raises `ConfigError`."""
    from ..errors import ConfigError

    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"the data folder {str(data)!r} cannot be made: {error.strerror}; set ROSTRA_DATA to one of your own"
        ) from error
    return data


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` in a loop of its own."""
    return asyncio.run(work)


@asynccontextmanager
async def store_of(config: Path | None) -> AsyncGenerator[Store]:
    """Open the database of a configuration, while the bot runs or not. Raises `ConfigError` and `StoreError`."""
    from ..clock import SystemClock
    from ..config import load
    from ..storage import open_store

    settings = load(config)
    key = settings.storage.master_key
    async with open_store(
        settings.storage.url,
        data=settings.data,
        clock=SystemClock(),
        master_key=key.get_secret_value() if key else None,
    ) as store:
        yield store


async def run_app(settings: Settings, adapters: Mapping[str, Adapter] | None = None) -> None:
    """Open a bot and run it until its adapters end; SIGTERM and SIGINT shut it down in good order, once."""
    from ..app import open_app
    from ..garbage import collect_seldom

    async with open_app(settings, adapters=adapters) as bot:
        collect_seldom()
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)

        def stop() -> None:
            for one in signals:  # a second one ends the process at once
                loop.remove_signal_handler(one)
            bot.stop()

        for one in signals:
            loop.add_signal_handler(one, stop)
        try:
            await bot.run()
        finally:
            for one in signals:
                loop.remove_signal_handler(one)
