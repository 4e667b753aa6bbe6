"""A store with ranked answers that may be trained on, for tests of datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..feedback.data.freeze import Frozen, Selection, Setting, freeze
from ..feedback.data.split import Shares
from ..feedback.values import Campaign, ConsentScope, Permit, PermitKind, new_id
from ..places import Place
from ..stores import Store
from .ballots import Asked, asked, begun, consent, ranked, somebody
from .clock import ManualClock

PLACE = Place(adapter="console", workspace="home", channel="room")
RATERS = ("ben", "cem", "dot")


@dataclass(slots=True)
class Stand:
    """The store, its clock and a campaign in a workspace where everybody agreed."""

    store: Store
    clock: ManualClock
    folder: Path
    campaign: Campaign

    async def ask(self, question: str, *ballots: str, asker: str = "ann", **fields: Any) -> Asked:
        """Ask something and have it ranked, by each rater as in ``ballots``."""
        one = await asked(self.store, self.campaign, question, asker=asker, **fields)
        for rater, text in zip(RATERS, ballots, strict=False):
            await ranked(self.store, self.campaign, rater, text)
        await self.clock.advance(1)
        return one

    async def agree(self, *names: str, scopes: Sequence[ConsentScope] = ("train",)) -> None:
        """Have people agree."""
        for name in names:
            who = await somebody(self.store, name, self.campaign.place.adapter)
            for scope in scopes:
                await self.store.consent(consent(who, scope, place=self.campaign.place, at=self.clock.now()))

    async def permit(self, kind: PermitKind = "workspace", *, granted: bool = True) -> None:
        """Record a permission of the workspace."""
        await self.clock.advance(1)
        permit = Permit(
            id=new_id(),
            kind=kind,
            place=self.campaign.place,
            granted=granted,
            evidence="a letter",
            at=self.clock.now(),
        )
        await self.store.permit(permit)

    @property
    def setting(self) -> Setting:
        return Setting(work=self.folder / "datasets", clock=self.clock)

    async def freeze(self, name: str = "first", **fields: Any) -> Frozen:
        """Freeze what is there, all of it to train on unless said otherwise."""
        await self.clock.advance(1)
        usual: dict[str, Any] = {"shares": Shares(validation=0, test=0)}
        return await freeze(self.store, name, Selection(**(usual | fields)), self.setting)


async def stand(store: Store, clock: ManualClock, folder: Path, place: Place = PLACE) -> Stand:
    """Return a stand where ann asks and three rate, all of whom agreed."""
    campaign = await begun(store, place=place, k=4, overlap=3)
    made = Stand(store, clock, folder, campaign)
    await made.permit()
    await made.agree("ann", *RATERS)
    return made
