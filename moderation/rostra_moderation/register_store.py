"""The register on a store: strikes and time-outs, the operators' queue, what operators changed in the policies."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from rostra.clock import Clock
from rostra.places import Permission, Person, Place
from rostra.stores import Case, Sanction, Store
from rostra.turns import Turn
from rostra.verdicts import Passage

from .policy import PolicySettings, Ruling
from .register import GOOD, Standing
from .standing import STRIKES, tally, time_out
from .tables import StrikeSettings

log = structlog.get_logger(__name__)

FRESH = 30.0
"""Seconds for which a standing is taken from memory; another process may have changed it meanwhile."""

PATIENCE = 2.0
"""Seconds that the store may take before a turn goes on without it."""

PEOPLE = 20_000
"""People whose standing is remembered."""

Key = tuple[str, str, str]


@dataclass(slots=True)
class _Known:
    until: datetime | None
    looked: float
    told: datetime | None = None


class StoreRegister:
    """A `rostra_moderation.register.Register` that keeps what it is told, and what operators do about it."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self._known: OrderedDict[Key, _Known] = OrderedDict()
        self._striking = asyncio.Lock()

    async def standing(self, person: Person, place: Place) -> Standing:
        if not person.id:
            return GOOD
        known = await self._look(person, place)
        now = self._clock.now()
        if known.until is None or known.until <= now:
            return GOOD
        told = known.told == known.until
        known.told = known.until
        return Standing(until=known.until, told=told, seconds=(known.until - now).total_seconds())

    async def record(self, turn: Turn, passage: Passage, ruling: Ruling) -> None:
        if ruling.queued:
            case = Case(
                direction=passage.direction,
                verdict=ruling.verdict,
                text=passage.text,
                question=passage.question,
                action=ruling.action if ruling.blocks else "",
            )
            await self._kept("case", self.store.queue(turn.event, turn.reply, case))
        if ruling.strikes is not None and passage.author.id and turn.permission < Permission.OPERATOR:
            about = ruling.category or "blocked"
            await self._kept(
                "strike", self.strike(passage.author, passage.place, turn.reply, about, ruling.strikes)
            )

    async def policies(self) -> Mapping[str, PolicySettings]:
        found: dict[str, PolicySettings] = {}
        try:
            changes = await self.store.policies()
        except Exception as error:  # noqa: BLE001  a store may be anybody's; the configuration still holds
            log.error("changes of policies cannot be read", error=type(error).__name__)  # noqa: TRY400
            return {}
        for name, change in changes.items():
            try:
                found[name] = PolicySettings.model_validate(change.table)
            except ValidationError:
                # Written by another version; its own words would quote the table.
                log.error(  # noqa: TRY400
                    "a change of a policy no longer holds", policy=name, version=change.number
                )
        return found

    async def strike(
        self, person: Person, place: Place, reply: str, category: str, settings: StrikeSettings
    ) -> datetime | None:
        """Hold a reply against ``person``, once. Return the end of the time-out that this leads to. Raises `StoreError`."""
        async with self._striking:
            now = self._clock.now()
            before = list(await self.store.sanctions(person, place))
            again = any(one.kind == "strike" and one.reply == reply for one in before)
            if again or tally(before, now).pardoned_until is not None:
                return None
            given = Sanction(
                kind="strike",
                at=now,
                until=now + timedelta(minutes=settings.window),
                reply=reply,
                reason=category,
            )
            await self.store.sanction(person, place, given)
            length = time_out([*before, given], now, settings)
            if length is None:
                return None
            out = Sanction(kind="timeout", at=now, until=now + length, reply=reply, reason=STRIKES)
            await self._add(person, place, out, None)
            return out.until

    async def send_out(self, person: Person, place: Place, length: timedelta, actor: Person) -> datetime:
        """Have ``person`` get no answers for ``length``. Return when that ends. Raises `StoreError`."""
        now = self._clock.now()
        out = Sanction(kind="timeout", at=now, until=now + length, reason="operator")
        await self._add(person, place, out, actor)
        return out.until

    async def pardon(
        self,
        person: Person,
        place: Place,
        actor: Person,
        *,
        length: timedelta = timedelta(),
        reply: str = "",
    ) -> None:
        """Forgive ``person`` everything so far, and for ``length`` what comes; or the strike for ``reply`` alone.

        Raises `StoreError`.
        """
        now = self._clock.now()
        reason = "review" if reply else "operator"
        given = Sanction(kind="pardon", at=now, until=now + length, reply=reply, reason=reason)
        await self._add(person, place, given, actor)

    async def _add(self, person: Person, place: Place, sanction: Sanction, actor: Person | None) -> None:
        await self.store.sanction(person, place, sanction, actor=actor)
        known = self._known.get(_key(person, place))
        if known is not None:
            known.looked = -FRESH

    async def _look(self, person: Person, place: Place) -> _Known:
        key, now = _key(person, place), self._clock.monotonic()
        known = self._known.get(key)
        if known is not None and now - known.looked < FRESH:
            return known
        if known is None:
            known = self._known[key] = _Known(None, now)
            if len(self._known) > PEOPLE:
                self._known.popitem(last=False)
        known.looked = now
        try:
            async with self._clock.timeout(PATIENCE):
                sanctions = await self.store.sanctions(person, place)
        except Exception as error:  # noqa: BLE001  a store may be anybody's; what was known last still holds
            log.warning("standing not known", error=type(error).__name__)
            return known
        known.until = tally(sanctions, self._clock.now()).out_until
        return known

    async def _kept(self, what: str, work: Awaitable[object]) -> None:
        try:
            async with self._clock.timeout(PATIENCE):
                await work
        except Exception as error:  # noqa: BLE001  a store may be anybody's; the answer must not depend on it
            log.error("not recorded", what=what, error=type(error).__name__)  # noqa: TRY400  it may quote


def _key(person: Person, place: Place) -> Key:
    return place.adapter, place.workspace, person.id
