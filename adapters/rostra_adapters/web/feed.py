"""What changes on the pages that show a conversation, in order, for as long as somebody may ask for it again.

The store is what pages are made of; this is only what happened since. Whoever was away for longer, or asks after a
restart, is told everything anew.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, TypeAlias

from .markdown import Growing

KEPT = 500
"""Changes of one conversation."""
TALKS = 2_000
"""Conversations that nobody looks at and nothing is written in, of which changes are kept."""

Change: TypeAlias = tuple[int, str, Mapping[str, Any]]
"""Its number, what kind it is, and what it says."""


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    """The changes of one conversation, who waits for the next, and what is being written."""

    number: int = 0
    changes: deque[Change] = field(default_factory=lambda: deque[Change](maxlen=KEPT))
    listeners: set[asyncio.Event] = field(default_factory=set[asyncio.Event])
    live: dict[str, Growing] = field(default_factory=dict[str, Growing])

    def publish(self, kind: str, what: Mapping[str, Any]) -> None:
        """Tell everybody who looks at the conversation."""
        self.number += 1
        self.changes.append((self.number, kind, what))
        for listener in self.listeners:
            listener.set()

    def since(self, number: int) -> Sequence[Change] | None:
        """Return what changed since then; None if that is not known any more."""
        if number > self.number or number < self.number - len(self.changes):
            return None
        return [change for change in self.changes if change[0] > number]


@dataclass(slots=True, kw_only=True, eq=False)
class Feed:
    """The channels of all conversations."""

    epoch: str = field(default_factory=lambda: token_hex(4))
    closed: bool = False
    _forgotten: int = 0
    _channels: OrderedDict[str, Channel] = field(default_factory=OrderedDict[str, Channel])

    def channel(self, talk: str) -> Channel:
        """Return the channel of a conversation."""
        found = self._channels.get(talk)
        if found is None:
            # One that was forgotten begins with a number that no page has seen of it.
            found = self._channels[talk] = Channel(number=self._next())
        self._channels.move_to_end(talk)
        return found

    def mark(self, talk: str, number: int | None = None) -> str:
        """Return the id of a change, of the last one by default."""
        return f"{self.epoch}-{self.channel(talk).number if number is None else number}"

    def number(self, mark: str) -> int | None:
        """Return the number that `mark` made an id of; None if another process did, or nobody."""
        epoch, _, number = mark.partition("-")
        return int(number) if epoch == self.epoch and number.isdecimal() and len(number) < 16 else None  # noqa: PLR2004  digits

    def close(self) -> None:
        """Let everybody go who listens."""
        self.closed = True
        for channel in self._channels.values():
            for listener in channel.listeners:
                listener.set()

    def _next(self) -> int:
        idle = [name for name, one in self._channels.items() if not one.listeners and not one.live]
        for name in idle[: max(0, len(idle) - TALKS)]:
            self._forgotten = max(self._forgotten, self._channels.pop(name).number + 1)
        return self._forgotten
