"""Which task of a campaign is asked next where ballots are dear: the one that tells most, with the probability of the choice kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..clock import Clock
from ..stores import Store
from .judged import Judged
from .values import Campaign, Task

if TYPE_CHECKING:
    from .statistics.selection import Option, Pick, Plan, Votes

SELECT = "select"
"""In `Campaign.more`: how tasks are selected, one of `WAYS`; uniformly where nothing is said."""

ACTIVE = "active"
WAYS = ("uniform", ACTIVE)

FRESH = 60.0
"""Seconds for which what was said so far is taken to be as it was: a campaign is read whole for it."""

OFFERED = 1000
"""Open tasks that are chosen among."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What a choice is made by: open tasks, what was said so far, and after how many ballots."""

    at: float
    options: tuple[Option, ...]
    seen: Votes
    done: int


class Selector:
    """Picks tasks of campaigns that say so. A fifth are drawn uniformly all the same, and the first hundred ballots."""

    def __init__(self, store: Store, clock: Clock, plan: Plan | None = None) -> None:
        self._store = store
        self._clock = clock
        self._plan = plan
        self._scenes: dict[str, _Scene] = {}

    async def pick(self, campaign: Campaign, had: Collection[str]) -> Pick | None:
        """Return what to ask somebody who ``had`` these tasks, None where the order of the queue decides. Raises `StoreError`."""
        if campaign.more.get(SELECT) != ACTIVE:
            return None
        from .statistics.selection import pick

        scene = await self._scene(campaign)
        options = [one for one in scene.options if one.task not in had]
        if not options:
            return None
        return pick(options, scene.seen, random.SystemRandom(), done=scene.done, plan=self._plan)

    async def picked(self, pick: Pick) -> None:
        """Keep the probability of a pick that was handed out, for statistics to weigh it by."""
        await self._store.prioritise({pick.task: (0.0, pick.propensity)})

    async def _scene(self, campaign: Campaign) -> _Scene:
        found = self._scenes.get(campaign.id)
        now = self._clock.monotonic()
        if found is None or now - found.at > FRESH:
            judged = [one async for one in self._store.judged(campaign.id)]
            options = await self._options(campaign)
            seen = await asyncio.to_thread(_votes, judged)
            found = _Scene(at=now, options=options, seen=seen, done=len(judged))
            self._scenes[campaign.id] = found
        return found

    async def _options(self, campaign: Campaign) -> tuple[Option, ...]:
        from .statistics.selection import Option

        tasks = await self._open(campaign)
        shown = await self._store.shown(list({task.batch for task in tasks}))
        writers = {one.id: one.answerer for batch in shown for one in batch.candidates}
        return tuple(
            Option(task=task.id, answerers=tuple(filter(None, map(writers.get, task.candidates))))
            for task in tasks
        )

    async def _open(self, campaign: Campaign) -> list[Task]:
        found: list[Task] = []
        after = ""
        while len(found) < OFFERED:
            page = await self._store.tasks(campaign.id, after, OFFERED)
            found += [one for one in page if one.status == "open" and not (one.reserved_for or one.gold)]
            if len(page) < OFFERED:
                break
            after = page[-1].id
        return found[:OFFERED]


def _votes(judged: list[Judged]) -> Votes:
    from .statistics.contests import contests
    from .statistics.selection import votes

    return votes(contests(judged))
