"""Assistant threads that were opened, as far as this process knows."""

from __future__ import annotations

REMEMBERED = 10_000


class Threads:
    """Which assistant threads were opened and have no title yet, and until when each workspace gets no status."""

    def __init__(self) -> None:
        self.untitled: dict[tuple[str, str], None] = {}
        self.quiet_until: dict[str, float] = {}

    def opened(self, channel: str, thread: str) -> None:
        """Note that somebody opened a thread."""
        self.untitled[channel, thread] = None
        if len(self.untitled) > REMEMBERED:
            self.untitled.pop(next(iter(self.untitled)))
