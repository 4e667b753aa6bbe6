"""Keep adapters running: one that falls is started again, with back-off; the others do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import structlog

from .clock import Clock
from .delivery.outgoing import Retry
from .errors import AdapterError, ConfigError
from .protocols import Accept, Adapter
from .vitals import AdapterState

log = structlog.get_logger(__name__)

Tell: TypeAlias = Callable[[str, AdapterState], None]

HEALTHY = 60.0
"""Seconds an adapter must have run for its next fall to count as its first."""


def untold(name: str, state: AdapterState) -> None:
    """Tell nobody."""
    del name, state


async def keep_running(
    adapter: Adapter, accept: Accept, *, clock: Clock, retry: Retry, tell: Tell = untold
) -> None:
    """Run ``adapter`` until it ends of itself or the task is cancelled. Raises `ConfigError`: trying again is no use.

    ``tell`` hears its name and how it is, whenever that changes.
    """
    falls = 0
    while True:
        started = clock.monotonic()
        tell(adapter.name, "running")
        try:
            await adapter.run(accept)
        except (ConfigError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  an adapter is foreign code, and its platform is another's
            falls = 0 if clock.monotonic() - started > HEALTHY else falls
            delay = retry.delay(falls, getattr(error, "retry_after", None))
            falls += 1
            # Our own errors are written for operators; another's message may hold anything.
            what = str(error) if isinstance(error, AdapterError) else type(error).__name__
            log.warning("adapter fell", adapter=adapter.name, error=what, again_in=round(delay, 1))
            tell(adapter.name, "fallen")
            await clock.sleep(delay)
        else:
            tell(adapter.name, "ended")
            return
