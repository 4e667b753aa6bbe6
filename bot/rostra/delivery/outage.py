"""One line in the log when the store begins to refuse, and one when it is well again."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from ..errors import StoreError

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outage:
    """Whether the store refuses. All replies of a bot share one, however many of them are affected."""

    on: bool = False

    def begins(self, error: StoreError) -> None:
        """Say what is wrong, unless it was said before."""
        if not self.on:
            self.on = True
            log.error("the store refuses; answers wait until it is well", error=str(error))

    def ends(self) -> None:
        """Say that it is over, if there was one."""
        if self.on:
            self.on = False
            log.warning("the store is well again")
