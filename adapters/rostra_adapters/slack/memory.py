"""Where messages of the bot's conversations are, and which conversation each person had last in each channel.

Slack tells a slash command's channel and no thread, and of a reaction not even the thread of its message; the bot may not
read channels, so it cannot look either. What was seen and shown is remembered; after a restart, the record of what was
judged in the last days tells who last talked where.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog

from rostra.clock import Clock
from rostra.controls import ID
from rostra.errors import StoreError
from rostra.events import Message
from rostra.places import Place
from rostra.stores import Store

log = structlog.get_logger(__name__)

KNOWN = 20_000
"""Messages whose place is remembered, and people in channels whose conversation is."""
LOOKING = 1.0
"""Seconds for asking the store, before what is asked must be acknowledged."""
AGAIN = 60.0
"""Seconds after which the store is asked again, for what another process of the bot answered."""
AFTER_FAILURE = 10.0
BACK = timedelta(days=7)
RECORDS = 1_000
"""How far, and for how many answers, the record is read."""

CONVERSATIONS = 25
"""How many conversations of a channel are looked through for a message."""

Spot: TypeAlias = tuple[str, str]
"""Workspace and channel."""
Whose: TypeAlias = tuple[str, str, str]
"""Workspace, channel and person."""


@dataclass(slots=True, kw_only=True, eq=False)
class Memory:
    """Places by message, and the latest conversation of each person by channel. All of it may be lost."""

    adapter: str
    clock: Clock
    store: Store | None
    _places: OrderedDict[str, Place] = field(default_factory=OrderedDict[str, Place])
    _latest: OrderedDict[Whose, tuple[datetime, Place]] = field(
        default_factory=OrderedDict[Whose, tuple[datetime, Place]]
    )
    _spots: Mapping[Spot, Sequence[Place]] = field(default_factory=dict[Spot, Sequence[Place]])
    _again: float = 0.0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def keep(self, place: Place, marks: Iterable[str]) -> None:
        """Remember where messages of a conversation are."""
        for mark in marks:
            self._places[place.workspace + mark] = place
            self._places.move_to_end(place.workspace + mark)
        while len(self._places) > KNOWN:
            self._places.popitem(last=False)

    def place_of(self, spot: Place, mark: str) -> Place | None:
        """Return which conversation a message in the channel of ``spot`` belongs to, if it is known to be in one."""
        return self._places.get(spot.workspace + mark)

    async def showing(self, spot: Place, mark: str) -> Place | None:
        """Return which conversation a message of the bot in the channel of ``spot`` belongs to.

        Of what was shown before a restart, the store knows: the last conversations there are looked through.
        """
        known = self.place_of(spot, mark)
        if known is not None or self.store is None:
            return known
        await self._look_up()
        try:
            async with self.clock.timeout(LOOKING):
                for place in self._spots.get((spot.workspace, spot.channel), ()):
                    if await self.store.reply_shown(place, mark) is not None:
                        self.keep(place, [mark])
                        return place
        except (StoreError, TimeoutError) as error:
            log.warning("conversation not found", error=str(error) or "too slow")
        return None

    def talks(self, place: Place, person: str, at: datetime) -> None:
        """Remember that somebody talked in a conversation. What Slack sends again, later, is not the latest."""
        whose = place.workspace, place.channel, person
        known = self._latest.get(whose)
        if known is None or known[0] <= at:
            self._latest[whose] = at, place
        self._latest.move_to_end(whose)
        if len(self._latest) > KNOWN:
            self._latest.popitem(last=False)

    async def latest(self, spot: Place, person: str) -> Place:
        """Return the conversation in which somebody last talked in a channel; ``spot`` itself if none is known."""
        whose = spot.workspace, spot.channel, person
        if whose not in self._latest:
            await self._look_up()
        known = self._latest.get(whose)
        return spot if known is None else known[1]

    async def waiting(self, spot: Place, person: str) -> Place | None:
        """Return the latest conversation in a channel in which somebody waits for an answer; None if there is none."""
        if self.store is None:
            return None
        try:
            async with self.clock.timeout(LOOKING):
                found = [one for one in await self.store.unfinished() if isinstance(one.event, Message)]
        except (StoreError, TimeoutError) as error:
            log.warning("nothing under way found", error=str(error) or "too slow")
            return None
        theirs = [
            (one.received_at, one.event.place)
            for one in found
            if one.event.author is not None
            and one.event.author.id == person
            and _channel(one.event.place) == _channel(spot)
        ]
        return max(theirs, key=lambda one: one[0])[1] if theirs else None

    async def shown_in(self, spot: Place, mark: str, control: str) -> Place:
        """Return the conversation that a message in ``spot`` belongs to, in which ``control`` was pressed.

        In a thread, that is the thread. Outside, it shows the answer to a command, which may be about one.
        """
        known = spot if spot.thread is not None else self.place_of(spot, mark)
        if known is not None:
            return known
        written = ID.fullmatch(control)
        if written is None or self.store is None:
            return spot
        try:
            async with self.clock.timeout(LOOKING):
                entry = await self.store.entry(written[1])
        except (StoreError, TimeoutError) as error:
            log.warning("conversation not found", error=str(error) or "too slow")
            return spot
        found = None if entry is None else entry.event.place
        return found if found is not None and _channel(found) == _channel(spot) else spot

    async def _look_up(self) -> None:
        """Take from the store who last talked where, as far as nothing newer is known."""
        if self.store is None:
            return
        try:
            async with self.clock.timeout(LOOKING), self._reading:
                if self.clock.monotonic() < self._again:
                    return
                await self._read(self.store)
                self._again = self.clock.monotonic() + AGAIN
        except (StoreError, TimeoutError) as error:
            log.warning("conversations not found", error=str(error) or "too slow")
            self._again = self.clock.monotonic() + AFTER_FAILURE

    async def _read(self, store: Store) -> None:
        record = await store.judgements(self.clock.now() - BACK, RECORDS)
        found = [(one.at, one.place, one.author) for one in record]
        found += [
            (one.received_at, one.event.place, one.event.author)
            for one in await store.unfinished()
            if isinstance(one.event, Message)
        ]
        before = set(self._latest)
        spots: dict[Spot, dict[Place, None]] = {}
        for at, place, author in sorted(found, key=lambda one: one[0]):
            whose = place.workspace, place.channel, author.id if author is not None else ""
            if place.adapter != self.adapter:
                continue
            spots.setdefault(whose[:2], {}).pop(place, None)
            spots[whose[:2]][place] = None  # the last is the latest
            if author is not None and whose not in before:
                self.talks(place, author.id, at)
        self._spots = {spot: list(places)[: -1 - CONVERSATIONS : -1] for spot, places in spots.items()}


def _channel(place: Place) -> tuple[str, str, str]:
    return place.adapter, place.workspace, place.channel
