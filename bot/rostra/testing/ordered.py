"""A store that shows everybody the answers of a ballot in the order in which they were made: for tests that read ballots."""

from __future__ import annotations

from dataclasses import replace

from ..feedback.values import Assignment
from ..storage.memory import MemoryStore


class InOrder(MemoryStore):
    """A `rostra.storage.memory.MemoryStore` that does not shuffle."""

    async def lease(
        self, campaign: str, person: str, *, surface: str = "", task: str = "", seed: int | None = None
    ) -> Assignment | None:
        """Hand out a task with its candidates as they stand in it."""
        held = await super().lease(campaign, person, surface=surface, task=task, seed=seed)
        of = None if held is None else await self.task(held.task)
        if held is None or of is None:
            return None
        held = replace(held, shown_order=of.candidates)
        self._assignments[held.id] = held
        return held
