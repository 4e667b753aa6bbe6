"""So many questions a minute by each person and in each place: token buckets.

Source of the algorithm: J. Turner, "New directions in communications", IEEE Communications Magazine, 1986.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ..actions import Emit, Finish
from ..clock import Clock
from ..places import Permission
from ..refusals import Refusals
from ..turns import Handler, Stage, Turn

REMEMBERED = 20_000
"""Buckets kept; one that was not asked for longer than all these is full again."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """One bucket a key, each refilled at ``per_minute`` up to ``burst``."""

    def __init__(self, *, per_minute: float, burst: float) -> None:
        self._rate = per_minute / 60
        self._burst = burst
        self._buckets: OrderedDict[object, _Bucket] = OrderedDict()

    def take(self, key: object, now: float) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) / self._rate


def limit(people: Buckets, places: Buckets, *, clock: Clock, refusals: Refusals) -> Stage:
    """Refuse questions beyond the limits, saying when there is room again. Operators are not limited."""

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            if turn.permission >= Permission.OPERATOR:
                await inner(turn, emit)
                return
            now = clock.monotonic()
            wait = people.take((turn.place.adapter, turn.author.id), now) or places.take(turn.place, now)
            if not wait:
                await inner(turn, emit)
                return
            seconds = max(1, round(wait))
            turn.trace.note("limits", "refused", seconds=seconds)
            text = refusals.render("limit", place=turn.place, trace=turn.reply, seconds=seconds)
            await emit(Finish(reply=turn.reply, text=text, ending="content_filter"))

        return handle

    return stage
