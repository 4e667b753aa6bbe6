"""Waiting for something to become true, without looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Watch:
    """Wakes whoever waits whenever something changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Say that something is different now."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, true: Callable[[], T], seconds: float = 10.0) -> T:
        """Return what ``true`` returns once that is neither false nor empty.

        ``seconds`` are the machine's own. Raises `TimeoutError` after them.
        """
        async with asyncio.timeout(seconds):
            while not (found := true()):
                await self._changed.wait()
        return found
