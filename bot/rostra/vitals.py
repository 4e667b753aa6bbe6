"""How a bot is, as far as it knows without asking anybody: since when it runs, which adapters do, and what waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

AdapterState: TypeAlias = Literal["running", "fallen", "ended"]
"""It runs; it fell and is started again in a moment; it came to its end."""


class Busy(Protocol):
    """What says how much is to be done: `rostra.lanes.Lanes`."""

    @property
    def waiting(self) -> int:
        """How much waits."""
        ...

    @property
    def busy(self) -> int:
        """How much is under way."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class Vitals:
    """Of one bot. ``data`` is its data folder; ``lanes`` is there once the bot is put together."""

    started_at: datetime
    data: Path
    lanes: Busy | None = None
    _adapters: dict[str, AdapterState] = field(default_factory=dict[str, AdapterState])

    def tell(self, adapter: str, state: AdapterState) -> None:
        """Take note of how an adapter is."""
        self._adapters[adapter] = state

    @property
    def adapters(self) -> Mapping[str, AdapterState]:
        """How each adapter is that was started, by name."""
        return dict(sorted(self._adapters.items()))
