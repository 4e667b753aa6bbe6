"""A store in memory, for trials, tests and benchmarks: it forgets everything at the end, and old things before.

It is bounded: what is finished, what was said and what was explained go, oldest first, beyond a limit;
what is unfinished never does.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from uuid_utils import uuid7

from ..actions import Address
from ..clock import Clock
from ..delivery.reply import Reply, State
from ..errors import StoreError
from ..events import Event
from ..feedback.values import Erasure
from ..places import Person, Place
from ..protocols import Accepted, Duplicate
from ..stores import (
    Backlog,
    Case,
    Entry,
    Explanation,
    Judgement,
    Label,
    Review,
    Said,
    Sanction,
    Summary,
)
from ..turns import Step
from ..verdicts import Judged
from .memory_accounts import MemoryWeb
from .memory_cases import expired
from .memory_datasets import MemoryFeedback
from .memory_drawer import MemoryDrawer
from .memory_keys import MemoryKeys
from .memory_policies import MemoryPolicies
from .memory_records import MemoryRecords
from .memory_spending import MemorySpending
from .memory_versions import MemoryVersions

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is kept: replies that are done, places, utterances and explanations in each place, cases and sanctions."""

    done: int = 100_000
    places: int = 10_000
    utterances: int = 200
    explanations: int = 50
    cases: int = 2_000
    sanctions: int = 10_000


@dataclass(slots=True)
class _Row:
    event: Event
    received_at: datetime
    reply: Reply
    done_at: datetime | None = None


@dataclass(slots=True)
class _Heard:
    at: datetime
    said: Said


@dataclass(slots=True)
class _PlaceRecord:
    said: deque[_Heard]
    summary: Summary | None = None
    told_since: datetime | None = None
    explained: OrderedDict[str, Explanation] = field(default_factory=OrderedDict[str, Explanation])


class MemoryStore(
    MemoryWeb,
    MemoryDrawer,
    MemoryFeedback,
    MemoryKeys,
    MemoryPolicies,
    MemoryRecords,
    MemorySpending,
    MemoryVersions,
):
    """A `rostra.stores.Store` that lives as long as the process."""

    def __init__(self, *, clock: Clock, bounds: Bounds | None = None) -> None:
        MemoryDrawer.__init__(self)
        MemoryFeedback.__init__(self, clock)
        MemorySpending.__init__(self, clock, lambda reply: reply in self._open)
        self._clock = clock
        self._bounds = bounds or Bounds()
        MemoryRecords.__init__(self, clock, self._bounds.done)
        MemoryVersions.__init__(self, clock, self.audit)
        MemoryKeys.__init__(self, clock, self.audit)
        MemoryPolicies.__init__(self, clock, self.audit)
        MemoryWeb.__init__(self, clock, self.audit, self._found, self._unsay, self.account)
        self._known: dict[tuple[str, str], str] = {}
        self._open: dict[str, _Row] = {}
        self._done: OrderedDict[str, _Row] = OrderedDict()
        self._places: OrderedDict[Place, _PlaceRecord] = OrderedDict()
        self._choices: OrderedDict[Place, dict[str, str]] = OrderedDict()
        self._cases: OrderedDict[str, Review] = OrderedDict()
        self._sanctions: deque[tuple[tuple[str, str], Sanction]] = deque(maxlen=self._bounds.sanctions)

    async def accept(self, event: Event) -> Accepted | Duplicate:
        key = (event.place.adapter, event.id)
        reply = self._known.get(key)
        if reply is not None:
            return Duplicate(reply=reply)
        reply = uuid7().hex
        self._known[key] = reply
        self._open[reply] = _Row(event, self._clock.now(), Reply(id=reply, address=Address.of(event)))
        return Accepted(reply=reply)

    async def advance(self, reply: Reply) -> None:
        row = self._row(reply.id)
        if row is None:
            raise StoreError(f"no event was accepted for reply {reply.id!r}")
        row.reply = reply
        if not reply.done:
            row.done_at = None
            self._open[reply.id] = row
            self._done.pop(reply.id, None)
            return
        row.done_at = self._clock.now()
        self._open.pop(reply.id, None)
        self._done[reply.id] = row
        if len(self._done) > self._bounds.done:
            self._remove(next(iter(self._done)))

    async def unfinished(self) -> Sequence[Entry]:
        return [_entry(row) for row in sorted(self._open.values(), key=_age)]

    async def dead(self) -> Sequence[Entry]:
        dead = [row for row in self._done.values() if row.reply.state is State.DEAD]
        return [_entry(row) for row in sorted(dead, key=_age)]

    async def backlog(self) -> Backlog:
        dead = sum(row.reply.state is State.DEAD for row in self._done.values())
        return Backlog(unfinished=len(self._open), dead=dead)

    async def entry(self, reply: str) -> Entry | None:
        row = self._row(reply)
        return None if row is None else _entry(row)

    async def recall(self, place: Place, limit: int) -> Sequence[Said]:
        record = self._places.get(place)
        if record is None:
            return []
        self._places.move_to_end(place)
        start = max(0, len(record.said) - limit)
        return [heard.said for heard in islice(record.said, start, None)]

    def remember(self, event: Event, reply: str, question: str, answer: str) -> None:
        said = self._at(event.place).said
        at = self._clock.now()
        said.append(_Heard(at, Said(reply=reply, role="user", text=question)))
        said.append(_Heard(at, Said(reply=reply, role="assistant", text=answer)))

    async def summary(self, place: Place) -> Summary | None:
        record = self._places.get(place)
        return None if record is None else record.summary

    async def summarise(self, event: Event, text: str, *, replies: Sequence[str], follows: str = "") -> bool:
        record = self._at(event.place)
        at = {heard.said.reply: heard.at for heard in record.said}
        there = "" if record.summary is None else record.summary.id
        if there != follows or not replies or not at.keys() >= set(replies):
            return False
        if record.summary is None or record.told_since is None:
            record.told_since = at[replies[0]]
        record.summary = Summary(id=uuid7().hex, reply=replies[-1], text=text)
        return True

    async def forget(self, place: Place) -> int:
        record = self._places.get(place)
        if record is None:
            return 0
        count = len(record.said)
        record.said.clear()
        record.summary = record.told_since = None
        return count

    def explain(self, event: Event, reply: str, steps: Sequence[Step], verdicts: Sequence[Judged]) -> None:
        explained = self._at(event.place).explained
        explained.pop(reply, None)
        explained[reply] = Explanation(
            reply=reply, at=self._clock.now(), steps=tuple(steps), verdicts=tuple(verdicts)
        )
        if len(explained) > self._bounds.explanations:
            explained.popitem(last=False)

    async def explanation(self, place: Place, reply: str | None = None) -> Explanation | None:
        record = self._places.get(place)
        if record is None or not record.explained:
            return None
        if reply is None:
            return next(reversed(record.explained.values()))
        return record.explained.get(reply)

    async def judgements(self, since: datetime, limit: int = 20_000) -> Sequence[Judgement]:
        found: list[Judgement] = []
        for place, record in self._places.items():
            for one in record.explained.values():
                row = self._row(one.reply)
                if one.at >= since and one.verdicts:
                    found.append(
                        Judgement(
                            reply=one.reply,
                            at=one.at,
                            place=place,
                            author=None if row is None else row.event.author,
                            steps=one.steps,
                            verdicts=one.verdicts,
                        )
                    )
        found.sort(key=lambda one: one.reply)
        return found[max(len(found) - limit, 0) :]

    async def reply_shown(self, place: Place, message: str) -> str | None:
        rows = (row for kept in (self._open, self._done) for row in reversed(list(kept.values())))
        for row in rows:
            if row.event.place == place and message in row.reply.address.shown:
                return row.reply.id
        return None

    async def choices(self, place: Place) -> Mapping[str, str]:
        return dict(self._choices.get(place, {}))

    async def choose(self, place: Place, name: str, value: str | None) -> None:
        chosen = self._choices.pop(place, {})
        if value is None:
            chosen.pop(name, None)
        else:
            chosen[name] = value
        if chosen:
            self._choices[place] = chosen
        if len(self._choices) > self._bounds.places:
            self._choices.popitem(last=False)

    async def queue(self, event: Event, reply: str, case: Case) -> str:
        for one in self._cases.values():
            if (one.reply, one.case.direction) == (reply, case.direction):
                return one.id
        id_ = uuid7().hex
        author = "" if event.author is None else event.author.id
        at = self._clock.now()
        self._cases[id_] = Review(id=id_, reply=reply, at=at, case=case, place=event.place, author=author)
        if len(self._cases) > self._bounds.cases:
            self._cases.popitem(last=False)
        return id_

    async def reviews(
        self, place: Place | None, limit: int = 20, *, decided: bool = False
    ) -> Sequence[Review]:
        found = (
            one
            for one in reversed(self._cases.values())
            if (one.label is not None if decided else one.label is None and one.retained)
            and (place is None or (one.place is not None and _workspace(one.place) == _workspace(place)))
        )
        return list(islice(found, max(limit, 0)))

    async def review(self, id_: str) -> Review | None:
        return self._cases.get(id_)

    async def decide(self, id_: str, label: Label, *, actor: Person | None, adapter: str = "") -> None:
        found = self._cases.get(id_)
        if found is None:
            raise StoreError(f"there is no case {id_!r} in the queue")
        by = "" if actor is None else actor.id
        self._cases[id_] = replace(found, label=label, decided_at=self._clock.now(), by=by)
        await self.audit(
            actor, f"review {label}", found.reply, {"case": id_}, adapter=adapter, place=found.place
        )

    async def sanction(
        self, person: Person, place: Place, sanction: Sanction, *, actor: Person | None = None
    ) -> None:
        by = "" if actor is None else actor.id
        self._sanctions.append((_workspace(place), replace(sanction, person=person.id, by=by)))
        detail = {"reason": sanction.reason, "until": sanction.until.isoformat(timespec="seconds")}
        await self.audit(actor, sanction.kind, "person", detail, adapter=place.adapter, place=place)

    async def sanctions(self, person: Person, place: Place) -> Sequence[Sanction]:
        here = _workspace(place)
        return [one for where, one in self._sanctions if where == here and one.person == person.id]

    async def sanctioned(self, place: Place, since: datetime, limit: int = 50) -> Sequence[Sanction]:
        here = _workspace(place)
        found = (one for where, one in reversed(self._sanctions) if where == here and one.at >= since)
        return list(islice(found, max(limit, 0)))

    async def purge(self, before: datetime) -> int:
        self.forget_spending()
        self.forget_web(before)
        old = [reply for reply, row in self._done.items() if row.done_at is not None and row.done_at < before]
        contents = sum(self._remove(reply) for reply in old)
        for record in self._places.values():
            count = len(record.said)
            record.said = deque(
                (heard for heard in record.said if heard.at >= before or heard.said.reply in self._open),
                maxlen=self._bounds.utterances,
            )
            contents += count - len(record.said)
            if record.told_since is not None and record.told_since < before:
                record.summary = record.told_since = None
            for reply, explanation in list(record.explained.items()):
                if explanation.at < before and reply not in self._open:
                    del record.explained[reply]
        for id_, case in list(self._cases.items()):
            if case.retained and case.at < before and case.reply not in self._open:
                self._cases[id_] = expired(case)
                contents += 1
        contents += self.forget_feedback(before)
        self._sanctions = deque(
            (one for one in self._sanctions if one[1].until >= before), maxlen=self._bounds.sanctions
        )
        return contents

    async def erase(self, adapter: str, person: str, *, withdraw: bool = False) -> Erasure:
        self.forget_web_of(adapter, person)
        theirs = {
            reply
            for rows in (self._open, self._done)
            for reply, row in rows.items()
            if row.event.place.adapter == adapter
            and row.event.author is not None
            and row.event.author.id == person
        }
        for reply in theirs & self._done.keys():
            self._remove(reply)
        for record in self._places.values():
            kept = (heard for heard in record.said if heard.said.reply not in theirs)
            record.said = deque(kept, maxlen=self._bounds.utterances)
            for reply in theirs & record.explained.keys():
                del record.explained[reply]
        for id_, case in list(self._cases.items()):
            if case.reply in theirs:
                self._cases[id_] = expired(case)
        left = (one for one in self._sanctions if (one[0][0], one[1].person) != (adapter, person))
        self._sanctions = deque(left, maxlen=self._bounds.sanctions)
        return self.erased(await super().erase(adapter, person, withdraw=withdraw))

    def _found(self, adapter: str, event: str) -> Entry | None:
        row = self._row(self._known.get((adapter, event), ""))
        return None if row is None else _entry(row)

    def _unsay(self, place: Place, replies: frozenset[str]) -> None:
        record = self._places.get(place)
        if record is not None:
            left = (heard for heard in record.said if heard.said.reply not in replies)
            record.said = deque(left, maxlen=self._bounds.utterances)
            record.summary = record.told_since = None

    def _row(self, reply: str) -> _Row | None:
        return self._open.get(reply) or self._done.get(reply)

    def _remove(self, reply: str) -> int:
        row = self._done.pop(reply)
        del self._known[row.event.place.adapter, row.event.id]
        return 1 if row.reply.action is None else 2

    def _at(self, place: Place) -> _PlaceRecord:
        record = self._places.get(place)
        if record is not None:
            self._places.move_to_end(place)
            return record
        record = self._places[place] = _PlaceRecord(said=deque(maxlen=self._bounds.utterances))
        if len(self._places) > self._bounds.places:
            self._places.popitem(last=False)
        return record


def _entry(row: _Row) -> Entry:
    return Entry(event=row.event, reply=row.reply, received_at=row.received_at)


def _age(row: _Row) -> tuple[datetime, str]:
    return row.received_at, row.reply.id


def _workspace(place: Place) -> tuple[str, str]:
    return place.adapter, place.workspace
