"""The log of changes in a store that forgets."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ..clock import Clock
from ..feedback.values import Erasure
from ..places import Person, Place
from ..stores import Audited


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the log of changes."""

    at: datetime
    actor: Person | None
    action: str
    subject: str
    detail: Mapping[str, str]
    workspace: tuple[str, str] | None = None


class MemoryRecords:
    """The part of a `rostra.stores.Journal` that says who changed what."""

    def __init__(self, clock: Clock, size: int) -> None:
        self._record_clock = clock
        self.changes: deque[Change] = deque(maxlen=size)
        """The log of changes, oldest first."""

    async def audit(
        self,
        actor: Person | None,
        action: str,
        subject: str,
        detail: Mapping[str, str],
        *,
        adapter: str = "",
        place: Place | None = None,
    ) -> None:
        del adapter  # a person is kept as given
        self.changes.append(
            Change(
                at=self._record_clock.now(),
                actor=actor,
                action=action,
                subject=subject,
                detail=dict(detail),
                workspace=None if place is None else _workspace(place),
            )
        )

    def erased(self, done: Erasure) -> Erasure:
        """Add an entry about an erasure, and return it."""
        if done.known:
            now = self._record_clock.now()
            self.changes.append(
                Change(
                    at=now,
                    actor=None,
                    action="erase person",
                    subject="person",
                    detail=done.counts,
                    workspace=None,
                )
            )
        return done

    async def audited(self, place: Place | None, limit: int = 20) -> Sequence[Audited]:
        found = (
            _audited(number, one)
            for number, one in reversed(list(enumerate(self.changes, 1)))
            if place is None or one.workspace == _workspace(place) or one.action == "change policy"
        )
        return list(islice(found, max(limit, 0)))


def _audited(number: int, change: Change) -> Audited:
    by = "" if change.actor is None else change.actor.id
    return Audited(
        number=number,
        at=change.at,
        action=change.action,
        subject=change.subject,
        detail=change.detail,
        by=by,
    )


def _workspace(place: Place) -> tuple[str, str]:
    return place.adapter, place.workspace
