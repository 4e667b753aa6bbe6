"""Which conversation a message belongs to: the root of the chain of replies that leads to it.

What was seen is remembered; what was not, after a restart say, is found by asking Discord for one message after the
other, for a bounded number of steps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

REMEMBERED = 20_000
"""Messages, and people in channels, whose conversation is kept in memory."""

STEPS = 25
"""Messages that are asked for at most to find the root of one chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One message of a chain: its id, what it answers, and whether the bot wrote it."""

    id: str
    answers: str | None = None
    mine: bool = False


Fetch: TypeAlias = Callable[[str], Awaitable[Link | None]]
"""Get a message of a channel by its id; None if it is gone or may not be read."""


class Chains:
    """Roots by message, and the newest conversation of each person by channel."""

    def __init__(self) -> None:
        self._roots: OrderedDict[str, str] = OrderedDict()
        self._latest: OrderedDict[tuple[str, str], str] = OrderedDict()

    def put(self, root: str, messages: Iterable[str]) -> None:
        """Remember that ``messages`` belong to the conversation of ``root``."""
        for message in messages:
            self._roots[message] = root
            self._roots.move_to_end(message)
        while len(self._roots) > REMEMBERED:
            self._roots.popitem(last=False)

    def root(self, message: str) -> str | None:
        """Return the root of a message that was seen."""
        return self._roots.get(message)

    def forget(self, message: str) -> None:
        """Remember nothing of a message that is gone."""
        self._roots.pop(message, None)

    def talks(self, channel: str, person: str, root: str) -> None:
        """Remember the conversation in which ``person`` last took part in ``channel``."""
        self._latest[channel, person] = root
        self._latest.move_to_end((channel, person))
        if len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)

    def latest(self, channel: str, person: str) -> str | None:
        """Return the conversation in which ``person`` last took part in ``channel``."""
        return self._latest.get((channel, person))

    async def find(self, start: Link, fetch: Fetch) -> str:
        """Return the root of the chain that ``start`` ends, and remember it for all messages on the way.

        A chain that is longer than `STEPS`, or has a hole, begins where the walk ended.
        """
        walked = [start.id]
        here: Link | None = start
        root = self.root(start.id)
        while root is None and here is not None and here.answers is not None and here.answers not in walked:
            walked.append(here.answers)
            root = self.root(here.answers)
            if root is None:
                here = await fetch(here.answers) if len(walked) - 1 <= STEPS else None
        root = root or walked[-1]
        self.put(root, walked)
        return root
