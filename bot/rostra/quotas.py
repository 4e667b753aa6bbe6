"""Which quotas hold for a question, and how much each leaves.

Quotas of the configuration hold wherever their patterns fit. Those that owners set in a chat hold in that workspace, and
one with the name of a configured one goes before it there.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import quote

from .clock import Clock
from .grants import EVERYBODY, Grant
from .places import Permission, Person, Place
from .routes import fits
from .spending import MILLIONTHS, Amounts, Ceiling, Share, Spendings, millionths
from .stores import Drawer
from .windows import Window, begin_of, end_of

Per: TypeAlias = Literal["person", "role", "channel", "workspace", "answerer"]
PERS: tuple[Per, ...] = get_args(Per)

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
MOST = 25
"""Quotas that owners may set in one workspace: each is looked at with every question."""
LARGEST = 1e12
"""Amounts are below this: whatever is added up stays a whole number that databases can hold."""
REMEMBERED = 10_000
_DRAWER = ""
"""No component's table has an empty name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much may be used in each window of the calendar (UTC) by those ``who`` fits, where ``place`` fits.

    ``per`` says what has an amount of its own: each ``person`` of an adapter, each ``channel`` with its threads, each
    ``workspace``, each ``answerer``; ``role``: all who have the role together, in each workspace. At least one of
    ``messages``, ``tokens`` and ``cost`` is given; ``cost`` is in the currency of the models' prices.
    Raises `ValueError` for one that means nothing.
    """

    name: str = ""
    who: Grant = EVERYBODY
    place: str = "*"
    per: Per = "person"
    window: Window = "day"
    messages: int | None = None
    tokens: int | None = None
    cost: float | None = None

    def __post_init__(self) -> None:
        amounts = {"messages": self.messages, "tokens": self.tokens, "cost": self.cost}
        if all(amount is None for amount in amounts.values()):
            raise ValueError("gives no amount; give messages, tokens or cost")
        for name, amount in amounts.items():
            if amount is not None and not 0 < amount < LARGEST:
                raise ValueError(f"{name} is {amount!r}; it must be more than 0 and less than {LARGEST:g}")
        if self.per == "role" and not self.who.role:
            raise ValueError(
                f"is per role, and who = {str(self.who)!r} names none; name one, such as '*/*:@staff'"
            )

    @property
    def ceiling(self) -> Ceiling:
        """Its amounts."""
        cost = None if self.cost is None else millionths(self.cost)
        return Ceiling(messages=self.messages, tokens=self.tokens, cost=cost)

    @property
    def names_somebody(self) -> bool:
        """Whether it is about a person or a role, not about everybody."""
        return self.who.role or self.who.who != "*"

    def holds(self, person: Person, permission: Permission, place: Place) -> bool:
        """Return whether it holds for what ``person`` asks in ``place``. Operators are exempt unless it names them."""
        if permission >= Permission.OPERATOR and not self.names_somebody:
            return False
        return fits(place, self.place) and self.who.fits(person, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A quota and what a question counts against because of it."""

    quota: Quota
    share: Share


class Quotas:
    """The quotas of a bot, and the counters that they are kept by."""

    def __init__(
        self,
        configured: Sequence[Quota] = (),
        *,
        drawer: Drawer,
        spendings: Spendings,
        clock: Clock,
    ) -> None:
        self._configured = named(configured)
        self._drawer = drawer
        self._spendings = spendings
        self._clock = clock
        self._set: dict[tuple[str, str], Mapping[str, Quota]] = {}
        self._changing = asyncio.Lock()

    @property
    def spendings(self) -> Spendings:
        """What was used."""
        return self._spendings

    @property
    def clock(self) -> Clock:
        """The clock that windows begin and end by."""
        return self._clock

    async def all(self, place: Place) -> Sequence[Quota]:
        """Return the quotas that may hold in the workspace of ``place``, by name. Raises `StoreError`."""
        found = {one.name: one for one in self._configured if one.who.covers(place)}
        return tuple((found | {**await self.set_in(place)}).values())

    async def set_in(self, place: Place) -> Mapping[str, Quota]:
        """Return the quotas that owners set in the workspace of ``place``, by name. Raises `StoreError`."""
        key = place.adapter, place.workspace
        known = self._set.get(key)
        if known is None:
            stored = await self._drawer.get(_DRAWER, _slot(place))
            known = dict[str, Quota]() if stored is None else _read(stored)
            if len(self._set) >= REMEMBERED:
                self._set.clear()
            self._set[key] = known
        return known

    async def of(self, person: Person, permission: Permission, place: Place, answerer: str) -> Sequence[Held]:
        """Return the quotas that hold for a question, each with what counts. Raises `StoreError`."""
        if not self._configured and not await self.set_in(place):
            return ()
        return [
            Held(quota=one, share=self._share(one, person, place, answerer))
            for one in await self.all(place)
            if one.holds(person, permission, place)
        ]

    async def used(self, held: Sequence[Held]) -> Sequence[Amounts]:
        """Return what is used of each, with what is reserved. Raises `StoreError`."""
        return await self._spendings.counted([one.share for one in held]) if held else []

    async def set(self, place: Place, quota: Quota) -> None:
        """Have ``quota`` hold in the workspace of ``place`` from now on.

        Its counters begin anew only if they count something else than before. Raises `ValueError` and `StoreError`.
        """
        if NAME.fullmatch(quota.name) is None:
            raise ValueError(f"{quota.name[:40]!r} is no name; write up to 32 small letters, digits, - and _")
        async with self._changing:
            there = await self.set_in(place)
            if quota.name not in there and len(there) >= MOST:
                raise ValueError(f"there are {MOST} quotas already; remove one first")
            await self._keep(place, {**there, quota.name: quota})

    async def remove(self, place: Place, name: str) -> None:
        """Remove a quota that was set in the workspace of ``place``. Raises `ValueError` and `StoreError`."""
        async with self._changing:
            there = await self.set_in(place)
            if name not in there:
                if any(one.name == name for one in self._configured):
                    raise ValueError(f"{name!r} is a quota of the configuration; it is removed there")
                raise ValueError(f"nobody has set a quota {name[:40]!r} here")
            await self._keep(place, {key: one for key, one in there.items() if key != name})

    async def _keep(self, place: Place, quotas: Mapping[str, Quota]) -> None:
        if quotas:
            rows = [{**asdict(one), "who": str(one.who)} for one in quotas.values()]
            await self._drawer.put(_DRAWER, _slot(place), json.dumps(rows).encode())
        else:
            await self._drawer.remove(_DRAWER, _slot(place))
        self._set[place.adapter, place.workspace] = dict(quotas)

    def _share(self, quota: Quota, person: Person, place: Place, answerer: str) -> Share:
        now = self._clock.now()
        what = (str(quota.who), quota.place, quota.per, quota.window)
        subject: tuple[str, ...]
        match quota.per:
            case "person":
                subject = place.adapter, person.id
            case "channel":
                subject = place.adapter, place.workspace, place.channel
            case "answerer":
                subject = (answerer,)
            case "role" | "workspace":
                subject = place.adapter, place.workspace
        return Share(
            key=(*what, begin_of(quota.window, now).isoformat(), *subject),
            ceiling=quota.ceiling,
            ends_at=end_of(quota.window, now),
            personal=quota.per == "person",
        )


def named(quotas: Sequence[Quota]) -> Sequence[Quota]:
    """Return ``quotas``, those without a name called by what they count: ``person-day``, ``person-day-2``."""
    taken = {one.name for one in quotas if one.name}
    found: list[Quota] = []
    for one in quotas:
        name, number = one.name or f"{one.per}-{one.window}", 1
        while not one.name and name in taken:
            number += 1
            name = f"{one.per}-{one.window}-{number}"
        taken.add(name)
        found.append(replace(one, name=name))
    return found


def amount(kind: str, count: int) -> str:
    """Return an amount in words: ``20 messages``, ``0.50 of money``; ``count`` of money is in millionths."""
    if kind == "cost":
        return f"{money(count)} of money"
    return f"{count:,} {kind if count != 1 else kind.removesuffix('s')}"


def money(count: int) -> str:
    """Return millionths as money: two digits, more where they matter."""
    whole = f"{count / MILLIONTHS:,.6f}".rstrip("0")
    digits = len(whole.partition(".")[2])
    return whole + "0" * max(0, 2 - digits)


def _slot(place: Place) -> str:
    return f"quotas/{quote(place.adapter, safe='')}/{quote(place.workspace, safe='')}"


def _read(stored: bytes) -> Mapping[str, Quota]:
    rows: list[dict[str, Any]] = json.loads(stored)
    return {row["name"]: Quota(who=Grant.parse(row.pop("who")), **row) for row in rows}
