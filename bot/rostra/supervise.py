"""Keep adapters running: one that falls is started again, with back-off; the others do not notice."""

from __future__ import annotations

import asyncio

import structlog

from .clock import Clock
from .delivery.outgoing import Retry
from .errors import AdapterError, ConfigError
from .protocols import Accept, Adapter

log = structlog.get_logger(__name__)

HEALTHY = 60.0
"""Seconds an adapter must have run for its next fall to count as its first."""


async def keep_running(adapter: Adapter, accept: Accept, *, clock: Clock, retry: Retry) -> None:
    """Run ``adapter`` until it ends of itself or the task is cancelled. Raises `ConfigError`: trying again is no use."""
    falls = 0
    while True:
        started = clock.monotonic()
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
            await clock.sleep(delay)
        else:
            return
