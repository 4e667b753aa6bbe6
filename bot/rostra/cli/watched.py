"""An adapter, and whether everything that was asked through it got an answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..actions import Action, Address, Capabilities, Finish, Receipt, Retract, Show
from ..events import Event
from ..protocols import Accept, Accepted, Adapter, Duplicate


@dataclass(slots=True)
class Watched:
    """Passes everything on, and keeps which questions were answered."""

    adapter: Adapter
    asked: set[str] = field(default_factory=set[str])
    answered: set[str] = field(default_factory=set[str])

    @property
    def name(self) -> str:
        return self.adapter.name

    @property
    def capabilities(self) -> Capabilities:
        return self.adapter.capabilities

    @property
    def content(self) -> bool:
        """Whether every question got an answer; a refusal is one, an apology for a failure is not."""
        return self.asked <= self.answered

    async def run(self, accept: Accept) -> None:
        async def counted(event: Event) -> Accepted | Duplicate:
            self.asked.add(event.id)
            return await accept(event)

        await self.adapter.run(counted)

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        receipt = await self.adapter.perform(address, action, key)
        if isinstance(action, Show | Retract) or (isinstance(action, Finish) and action.ending != "error"):
            self.answered.add(address.question)
        return receipt
