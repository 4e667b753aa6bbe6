"""What questions took, in a store that forgets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..chat import Usage
from ..clock import Clock
from ..places import Place
from ..spending import (
    KEPT_DAYS,
    NOTHING,
    Amounts,
    Bill,
    Dimension,
    Granted,
    Share,
    Spent,
    amounts_of,
    refused_share,
)

MOST = 100_000
"""Replies that it is remembered of what they took."""


@dataclass(slots=True)
class _Row:
    bill: Bill
    at: datetime
    used: Amounts = NOTHING
    prompt: int = 0
    completion: int = 0
    held: Amounts = NOTHING
    keys: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])


class MemorySpending:
    """A `rostra.spending.Spendings` that lives as long as the process."""

    def __init__(self, clock: Clock, under_way: Callable[[str], bool]) -> None:
        """``under_way`` says whether a reply is still being made."""
        self._clock = clock
        self._under_way = under_way
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._counters: dict[tuple[str, ...], tuple[datetime, Amounts]] = {}

    async def reserve(self, bill: Bill, want: Amounts, shares: Sequence[Share]) -> Granted:
        row = self._rows.get(bill.reply)
        if row is not None:
            self._count(row, NOTHING - row.held)
            row.held, row.keys = NOTHING, set()
            want = replace(want, messages=max(0, want.messages - row.used.messages))
        used = tuple(await self.counted(shares))
        refused = refused_share(shares, used, want)
        if refused is None:
            row = row or self._new(bill)
            for share in shares:
                self._counters.setdefault(share.key, (share.ends_at, NOTHING))
            row.keys = {share.key for share in shares}
            row.held = want
            self._count(row, want)
        return Granted(used=used, refused=refused)

    def settle(self, bill: Bill, used: Usage | None) -> None:
        row = self._rows.get(bill.reply)
        if row is None:
            if used is None:
                return
            row = self._new(bill)
        more = NOTHING if used is None else amounts_of(used, messages=1 - row.used.messages)
        if row.keys:
            self._count(row, more - row.held)
        row.held, row.used = NOTHING, more if row.used is NOTHING else row.used + more
        row.bill = bill
        if used is not None:
            row.prompt += used.prompt
            row.completion += used.completion
        if row.used == NOTHING:
            del self._rows[bill.reply]

    async def settle_left(self, before: datetime) -> int:
        left = [
            row
            for reply, row in self._rows.items()
            if row.held != NOTHING and row.at < before and not self._under_way(reply)
        ]
        for row in left:
            row.used, row.prompt, row.held = row.used + row.held, row.prompt + row.held.tokens, NOTHING
        return len(left)

    async def counted(self, shares: Sequence[Share]) -> Sequence[Amounts]:
        return [self._counters.get(share.key, (share.ends_at, NOTHING))[1] for share in shares]

    async def spent(
        self, since: datetime, until: datetime, by: Dimension, place: Place | None
    ) -> Sequence[Spent]:
        totals: dict[str, Spent] = {}
        for row in self._rows.values():
            where = row.bill.event.place
            here = place is None or (where.adapter, where.workspace) == (place.adapter, place.workspace)
            if here and since <= row.at < until and row.used != NOTHING:
                name = _name(row.bill, by)
                so_far = totals.get(name, Spent(name=name, messages=0, prompt=0, completion=0, cost=0))
                totals[name] = Spent(
                    name=name,
                    messages=so_far.messages + row.used.messages,
                    prompt=so_far.prompt + row.prompt,
                    completion=so_far.completion + row.completion,
                    cost=so_far.cost + row.used.cost,
                )
        return sorted(totals.values(), key=lambda one: (-one.cost, -one.prompt - one.completion, one.name))

    def forget_spending(self) -> None:
        """Remove what is older than it is kept, and counters whose window is over."""
        now = self._clock.now()
        oldest = now - timedelta(days=KEPT_DAYS)
        for reply in [reply for reply, row in self._rows.items() if row.at < oldest]:
            del self._rows[reply]
        self._counters = {key: one for key, one in self._counters.items() if one[0] > now}

    def _new(self, bill: Bill) -> _Row:
        row = self._rows[bill.reply] = _Row(bill, self._clock.now())
        if len(self._rows) > MOST:
            self._rows.popitem(last=False)
        return row

    def _count(self, row: _Row, more: Amounts) -> None:
        for key in row.keys:
            found = self._counters.get(key)
            if found is not None:
                self._counters[key] = (found[0], found[1] + more)


def _name(bill: Bill, by: Dimension) -> str:
    match by:
        case "person":
            return "" if bill.event.author is None else bill.event.author.id
        case "channel":
            return replace(bill.event.place, thread=None).key
        case "model":
            return bill.model
        case "answerer":
            return bill.answerer
