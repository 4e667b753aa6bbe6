"""What raters get next: a task of a campaign, now and then one whose right ranking is known, or one that they had before."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ..clock import Clock
from ..errors import StoreError
from ..places import Permission, Place
from ..stores import Store
from .ballots import CHAT
from .booth import Visitor
from .selecting import Selector
from .values import Assignment, Campaign, Task, new_id

LOOKED_AT = 1000
"""Assignments of a rater in one campaign that are looked at."""

SETTLED = 5
"""Ballots after which a rater may get one again."""

GOLD = "gold"
REPEATS = "repeat_rate"
"""In `Campaign.more`: tasks with their right tiers, as {"task": id, "tiers": [[candidate, …], …]}, and the share of repeats."""

NAME = "chat"
"""What the campaign is called that takes what people compare in a chat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """A ballot that was handed out. ``first``: the rater has not seen the guideline as it is now."""

    assignment: Assignment
    campaign: Campaign
    first: bool


class Queue:
    """Hands out the tasks of a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._selector = Selector(store, clock)

    async def next(
        self, visitor: Visitor, permission: Permission, campaign: Campaign | None = None
    ) -> Next | None:
        """Return a ballot of ``campaign`` (None: of any open one of the workspace, the oldest first), None if there is none.

        Whoever has one in hand gets that. Raises `StoreError`.
        """
        found = [campaign] if campaign is not None else await self._store.campaigns(visitor.place, "open")
        for one in reversed(found):
            if permission < one.raters:
                continue
            held = await self._from(visitor, one)
            if held is not None:
                return held
        return None

    async def informed(self, visitor: Visitor, campaign: Campaign) -> bool:
        """Return whether the visitor has answered under the guideline as it is now, if there is one. Raises `StoreError`."""
        had = await self._store.assignments(visitor.person, campaign.id, "submitted", 1)
        return await self._knows(campaign, had)

    async def _from(self, visitor: Visitor, campaign: Campaign) -> Next | None:
        had = await self._store.assignments(visitor.person, campaign.id, None, LOOKED_AT)
        extra = (
            None if any(one.state == "leased" for one in had) else await self._extra(visitor, campaign, had)
        )
        held: Assignment | None = None
        if extra is not None:
            await self._store.add_tasks([extra])
            held = await self._lease(visitor, campaign, extra.id)
            if held is None:
                await self._store.void_task(extra.id)
        held = held or await self._selected(visitor, campaign, had) or await self._lease(visitor, campaign)
        if held is None:
            return None
        return Next(assignment=held, campaign=campaign, first=not await self._knows(campaign, had))

    async def _selected(
        self, visitor: Visitor, campaign: Campaign, had: Sequence[Assignment]
    ) -> Assignment | None:
        """Return the ballot that tells most, None where one is in hand, the queue decides or somebody else was faster."""
        if any(one.state == "leased" for one in had):
            return None
        picked = await self._selector.pick(campaign, {one.task for one in had})
        held = None if picked is None else await self._lease(visitor, campaign, picked.task)
        if picked is not None and held is not None:
            await self._selector.picked(picked)
        return held

    async def _lease(self, visitor: Visitor, campaign: Campaign, task: str = "") -> Assignment | None:
        return await self._store.lease(
            campaign.id, visitor.person, surface=visitor.surface or visitor.place.adapter, task=task
        )

    async def _knows(self, campaign: Campaign, had: Sequence[Assignment]) -> bool:
        """Return whether the rater has answered under the guideline as it is now."""
        last = next((one for one in had if one.state == "submitted"), None)
        if last is None:
            return not campaign.guideline
        revisions = await self._store.revisions(last.id)
        return bool(revisions) and revisions[-1].guideline_version == campaign.guideline_version

    async def _extra(self, visitor: Visitor, campaign: Campaign, had: Sequence[Assignment]) -> Task | None:
        """Return a task to check the rater with, if it is time for one: chance says when, the same each time."""
        gold = cast("Sequence[dict[str, Any]]", campaign.more.get(GOLD, ()))
        repeats = float(campaign.more.get(REPEATS, 0.0))
        rolled = random.Random(f"{campaign.id}/{visitor.person}/{len(had)}").random()  # noqa: S311  no secret
        if gold and rolled < campaign.gold_rate:
            return await self._gold(visitor, gold, had)
        if rolled >= 1 - repeats:
            return await self._again(visitor, had)
        return None

    async def _gold(
        self, visitor: Visitor, gold: Sequence[dict[str, Any]], had: Sequence[Assignment]
    ) -> Task | None:
        known = await self._asked_again(had) | {one.task for one in had}
        for one in gold:
            master = None if one["task"] in known else await self._store.task(one["task"])
            if master is not None:
                tiers = tuple(tuple(tier) for tier in one["tiers"])
                return replace(_again(master, visitor), gold=tiers)
        return None

    async def _again(self, visitor: Visitor, had: Sequence[Assignment]) -> Task | None:
        done = [one for one in had if one.state == "submitted"]
        if len(done) < SETTLED:
            return None
        known = await self._asked_again(had)
        for one in reversed(done):
            task = await self._store.task(one.task)
            if task is not None and not task.repeat_of and task.id not in known:
                return _again(task, visitor)
        return None

    async def _asked_again(self, had: Sequence[Assignment]) -> frozenset[str]:
        """Return the tasks that the rater has had a copy of."""
        found = [await self._store.task(one.task) for one in had]
        return frozenset(one.repeat_of for one in found if one is not None and one.repeat_of)


def _again(task: Task, visitor: Visitor) -> Task:
    """Return a task that asks ``visitor`` alone what ``task`` asks, in an order of its own."""
    return Task(
        id=new_id(),
        campaign=task.campaign,
        batch=task.batch,
        candidates=task.candidates,
        reserved_for=visitor.person,
        repeat_of=task.id,
    )


async def chat_campaign(store: Store, place: Place) -> Campaign:
    """Return the campaign that takes what people compare in the chats of a workspace; it is made where there is none.

    Raises `StoreError`.
    """
    found = await campaign_called(store, place, NAME)
    if found is not None:
        return found
    made = Campaign(
        id=new_id(), name=NAME, place=replace(place, thread=None), lease_seconds=86400.0, more={CHAT: True}
    )
    try:
        await store.save_campaign(made)
    except StoreError:
        found = await campaign_called(store, place, NAME)  # somebody else was as fast
        if found is None:
            raise
        return found
    return made


async def campaign_called(store: Store, place: Place, name: str) -> Campaign | None:
    """Return the campaign with this name in the workspace of ``place``. Raises `StoreError`."""
    return next((one for one in await store.campaigns(place) if one.name == name), None)
