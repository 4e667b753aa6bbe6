"""A store in memory, for trials, tests and benchmarks: it forgets everything at the end, and old things before.

It is bounded: what is finished, what was said and what was explained go, oldest first, beyond a limit;
what is unfinished never does.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TypeVar

from uuid_utils import uuid7

from ..actions import Address
from ..chat import Utterance
from ..clock import Clock
from ..delivery.reply import Reply, State
from ..errors import StoreError
from ..events import Event
from ..places import Person, Place
from ..protocols import Accepted, Duplicate
from ..stores import Entry, Explanation
from ..turns import Step
from ..verdicts import Judged

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is kept: replies that are done, places, and utterances and explanations in each place."""

    done: int = 100_000
    places: int = 10_000
    utterances: int = 200
    explanations: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the log of changes."""

    at: datetime
    actor: Person | None
    action: str
    subject: str
    detail: Mapping[str, str]


@dataclass(slots=True)
class _Row:
    event: Event
    received_at: datetime
    reply: Reply
    done_at: datetime | None = None


@dataclass(slots=True)
class _Said:
    reply: str
    at: datetime
    utterance: Utterance


@dataclass(slots=True)
class _PlaceRecord:
    said: deque[_Said]
    explained: OrderedDict[str, Explanation] = field(default_factory=OrderedDict[str, Explanation])


class MemoryStore:
    """A `rostra.stores.Store` that lives as long as the process."""

    def __init__(self, *, clock: Clock, bounds: Bounds | None = None) -> None:
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._known: dict[tuple[str, str], str] = {}
        self._open: dict[str, _Row] = {}
        self._done: OrderedDict[str, _Row] = OrderedDict()
        self._places: OrderedDict[Place, _PlaceRecord] = OrderedDict()
        self._choices: OrderedDict[Place, dict[str, str]] = OrderedDict()
        self.changes: deque[Change] = deque(maxlen=self._bounds.done)
        """The log of changes, oldest first."""

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

    async def entry(self, reply: str) -> Entry | None:
        row = self._row(reply)
        return None if row is None else _entry(row)

    async def recall(self, place: Place, limit: int) -> Sequence[Utterance]:
        record = self._places.get(place)
        if record is None:
            return []
        self._places.move_to_end(place)
        start = max(0, len(record.said) - limit)
        return [said.utterance for said in islice(record.said, start, None)]

    def remember(self, event: Event, reply: str, question: str, answer: str) -> None:
        said = self._at(event.place).said
        at = self._clock.now()
        said.append(_Said(reply, at, Utterance(role="user", text=question)))
        said.append(_Said(reply, at, Utterance(role="assistant", text=answer)))

    async def forget(self, place: Place) -> int:
        record = self._places.get(place)
        if record is None:
            return 0
        count = len(record.said)
        record.said.clear()
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

    async def audit(
        self,
        actor: Person | None,
        action: str,
        subject: str,
        detail: Mapping[str, str],
        *,
        adapter: str = "",
    ) -> None:
        del adapter  # a person is kept as given
        self.changes.append(
            Change(at=self._clock.now(), actor=actor, action=action, subject=subject, detail=dict(detail))
        )

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

    async def purge(self, before: datetime) -> int:
        old = [reply for reply, row in self._done.items() if row.done_at is not None and row.done_at < before]
        contents = sum(self._remove(reply) for reply in old)
        for record in self._places.values():
            count = len(record.said)
            record.said = deque(
                (said for said in record.said if said.at >= before or said.reply in self._open),
                maxlen=self._bounds.utterances,
            )
            contents += count - len(record.said)
            for reply, explanation in list(record.explained.items()):
                if explanation.at < before and reply not in self._open:
                    del record.explained[reply]
        return contents

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
