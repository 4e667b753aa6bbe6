"""How much harm adds up over several turns of one person in one place. Pure, apart from the clock.

What each turn scored is summed, and the sum loses half of itself in a half-life: exponential decay, as in
S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1 (3), 1959.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, replace

from rostra.clock import Clock
from rostra.places import Person, Place
from rostra.verdicts import Decision

from .guard import Hold
from .policy import Ruling, Sheet

REMEMBERED = 20_000
"""Sums kept; the one that was not added to for longest goes first."""

FLOOR = 0.2
"""Scores below it add nothing: small talk, however much of it, is no harm."""

_NO_HARM = frozenset({"pii", "spam", "custom"})
"""Categories that add nothing: they are no step on the way to something worse."""


@dataclass(slots=True)
class _Sum:
    value: float
    at: float


class Tally:
    """The running sums. A person has one in each channel; its threads share it, for a new thread is no new conversation."""

    def __init__(self, clock: Clock, *, size: int = REMEMBERED) -> None:
        self._clock = clock
        self._size = size
        self._sums: OrderedDict[tuple[str, ...], _Sum] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sums)

    def level(self, person: Person, place: Place, half_life: float) -> float:
        """Return the sum as it is now. ``half_life`` is in seconds."""
        found = self._sums.get(_key(person, place))
        return 0.0 if found is None else _decayed(found, self._clock.monotonic(), half_life)

    def add(self, person: Person, place: Place, score: float, half_life: float) -> None:
        """Add ``score`` (0 to 1) to the sum, if it is worth it. Nobody in particular has none: many may be behind it."""
        if not (person.id and score >= FLOOR):  # so that what is no number adds nothing
            return
        key, now = _key(person, place), self._clock.monotonic()
        found = self._sums.get(key)
        before = 0.0 if found is None else _decayed(found, now, half_life)
        self._sums[key] = _Sum(before + min(score, 1.0), now)
        self._sums.move_to_end(key)
        if len(self._sums) > self._size:
            self._sums.popitem(last=False)


def harm(ruling: Ruling) -> float:
    """Return what ``ruling`` adds: the highest score of a category of harm, 0 where nothing could be judged."""
    verdict = ruling.verdict
    if verdict.kind != "judged":
        return 0.0
    return max((score for name, score in verdict.categories.items() if name not in _NO_HARM), default=0.0)


def raised(ruling: Ruling, level: float, sheet: Sheet) -> Ruling:
    """Return ``ruling`` as it is after so much harm: from ``risk.flag`` on flagged at least, from ``risk.block`` on blocked.

    What is flagged so is held as what is in doubt, by whole paragraphs at least, and the judge is asked about it.
    """
    risk = sheet.risk
    own = ruling.verdict
    if ruling.blocks or level < min(risk.flag, risk.block):
        return ruling
    if level >= risk.block:
        rule = f"risk {level:.2f} >= {risk.block:g}"
        return replace(ruling, verdict=replace(own, decision=Decision.BLOCK, rule=rule), action="refuse")
    if own.decision is Decision.ALLOW:
        own = replace(own, decision=Decision.FLAG, rule=f"risk {level:.2f} >= {risk.flag:g}")
    hold: Hold = "full" if "full" in {ruling.hold, sheet.hold_grey} else "paragraph"
    return replace(ruling, verdict=own, hold=hold, judge=ruling.judge or sheet.judge)


def _decayed(sum_: _Sum, now: float, half_life: float) -> float:
    return sum_.value * math.exp2(-max(0.0, now - sum_.at) / half_life)


def _key(person: Person, place: Place) -> tuple[str, ...]:
    return (place.adapter, place.workspace, place.channel, person.id)
