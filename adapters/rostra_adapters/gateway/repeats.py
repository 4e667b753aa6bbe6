"""Answers for those who ask again with the same ``Idempotency-Key``: kept in memory, for some minutes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from rostra.clock import Clock

from .refused import BAD_REQUEST, CONFLICT, Refused

HEADER = "Idempotency-Key"
LONGEST = 255
MOST = 10_000
"""Answers that are kept; the oldest goes first."""


@dataclass(slots=True)
class _Kept:
    digest: bytes
    at: float
    answer: asyncio.Future[dict[str, Any]]


class Repeats:
    """The answers of the last minutes, by application and key."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def once(
        self, application: str, name: str, body: bytes, make: Callable[[], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        """Return what ``make`` returns, or what it did for the same ``name``. Raises `Refused` for another body, and what ``make`` does.

        Whoever repeats a request that is not answered yet is told so. A failure is not kept: to repeat it is to try again.
        """
        if not name or not self._seconds:
            return await make()
        if len(name) > LONGEST:
            raise Refused(BAD_REQUEST, f"{HEADER}: {LONGEST} characters are allowed")
        self._forget()
        key, digest = (application, name), sha256(body).digest()
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept(
                digest, self._clock.monotonic(), asyncio.get_running_loop().create_future()
            )
            return await self._made(key, kept, make)
        if kept.digest != digest:
            raise Refused(
                BAD_REQUEST, f"{HEADER}: the same key came with another request", code="idempotency_mismatch"
            )
        if not kept.answer.done():
            raise Refused(CONFLICT, f"{HEADER}: that request is still being answered", retry_after=1.0)
        return kept.answer.result()

    async def _made(
        self, key: tuple[str, str], kept: _Kept, make: Callable[[], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        try:
            answer = await make()
        except BaseException:
            self._kept.pop(key, None)
            kept.answer.cancel()
            raise
        kept.answer.set_result(answer)
        return answer

    def _forget(self) -> None:
        before = self._clock.monotonic() - self._seconds
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if len(self._kept) <= MOST and (oldest.at > before or not oldest.answer.done()):
                return
            self._kept.popitem(last=False)
