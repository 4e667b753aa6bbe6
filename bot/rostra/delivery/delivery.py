"""Opens replies: the one place that knows adapters, the ledger and how often to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..actions import Capabilities
from ..clock import Clock
from ..protocols import Adapter
from ..refusals import Refusals
from ..stores import Ledger
from .outage import Outage
from .outgoing import Outgoing, Retry
from .reply import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a reply needs to get out."""

    adapters: Mapping[str, Adapter]
    ledger: Ledger
    clock: Clock
    refusals: Refusals
    retry: Retry = field(default_factory=Retry)
    outage: Outage = field(default_factory=Outage)

    def capabilities(self, adapter: str) -> Capabilities:
        """Return what the adapter with this name can do."""
        return self.adapters[adapter].capabilities

    def open(self, reply: Reply) -> Outgoing:
        """Return the emitter of ``reply``."""
        place = reply.address.place
        marker = ""
        if reply.repeated:
            marker = f"{self.refusals.render('repeated', place=place, trace=reply.id)}\n\n"
        return Outgoing(
            reply,
            adapter=self.adapters[place.adapter],
            ledger=self.ledger,
            clock=self.clock,
            retry=self.retry,
            marker=marker,
            outage=self.outage,
        )
