"""How often messages may be changed: one budget for each channel or workspace, shared by all answers that grow in it.

Platforms say that a limit is passed only afterwards, with a 429 that also holds up what must not wait. So what merely
lets an answer grow is left out when it is not affordable (the next change shows it as well), and what ends an answer may
use up what is left, in the order it came.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from rostra.clock import Clock
from rostra.errors import AdapterError

LONGEST = 10.0
"""Seconds to wait here; `rostra.delivery` waits for longer ones, and counts them as no more than one attempt."""

CHANNELS = 10_000
"""Channels that are remembered; one that is forgotten starts with a full budget."""


@dataclass(slots=True)
class _Purse:
    left: float
    at: float
    closed_until: float = 0.0
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Budget:
    """Changes of messages, by channel, or by whatever a platform counts them for.

    ``changes`` are what may be made at once, and in each ``seconds``; of these, ``reserve`` is what growing may not touch:
    an answer that ends is not to wait for those that grow.
    """

    def __init__(self, clock: Clock, *, changes: int, seconds: float, reserve: float) -> None:
        self._clock = clock
        self._reserve = reserve
        self._most = float(changes)
        self._rate = changes / seconds
        self._purses: OrderedDict[str, _Purse] = OrderedDict()
        self._closed_until = 0.0

    def affords(self, channel: str) -> bool:
        """Take one change that may as well be left out; return whether there was one to take."""
        purse = self._purse(channel)
        if purse.waiting or self._closed(purse) > 0 or purse.left < 1 + self._reserve:
            return False
        purse.left -= 1
        return True

    async def spend(self, channel: str) -> None:
        """Take one change that must be made; wait for it, in turn, if there is none left. Raises `AdapterError`."""
        purse = self._purse(channel)
        purse.waiting += 1
        try:
            async with purse.turn:
                while (wait := self._wait(purse)) > 0:
                    await self._pause(wait)
                purse.left -= 1
        finally:
            purse.waiting -= 1

    async def opened(self, channel: str) -> None:
        """Wait until the platform no longer asks to leave ``channel`` alone, without taking a change."""
        purse = self._purse(channel)
        while (wait := self._closed(purse)) > 0:
            await self._pause(wait)

    def cool_off(self, channel: str, seconds: float) -> None:
        """Make no change in ``channel`` for so long: the platform asked for it."""
        purse = self._purse(channel)
        purse.closed_until = max(purse.closed_until, self._clock.monotonic() + seconds)
        purse.left = min(purse.left, 1.0)

    def cool_off_everywhere(self, seconds: float) -> None:
        """Change nothing anywhere for so long: the limit of the whole bot was passed."""
        self._closed_until = max(self._closed_until, self._clock.monotonic() + seconds)

    async def _pause(self, seconds: float) -> None:
        if seconds > LONGEST:
            raise AdapterError("the channel is to be left alone for a while", retry_after=seconds)
        await self._clock.sleep(seconds)

    def _wait(self, purse: _Purse) -> float:
        self._fill(purse)
        missing = max(0.0, 1 - purse.left) / self._rate
        return max(missing, self._closed(purse))

    def _closed(self, purse: _Purse) -> float:
        return max(purse.closed_until, self._closed_until) - self._clock.monotonic()

    def _fill(self, purse: _Purse) -> None:
        now = self._clock.monotonic()
        purse.left = min(self._most, purse.left + (now - purse.at) * self._rate)
        purse.at = now

    def _purse(self, channel: str) -> _Purse:
        purse = self._purses.get(channel)
        if purse is None:
            purse = self._purses[channel] = _Purse(left=self._most, at=self._clock.monotonic())
        self._purses.move_to_end(channel)
        while len(self._purses) > CHANNELS and not next(iter(self._purses.values())).waiting:
            self._purses.popitem(last=False)
        self._fill(purse)
        return purse
