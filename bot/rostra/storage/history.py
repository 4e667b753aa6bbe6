"""What was said last in the places that talk now, kept in memory so that a turn need not read it back.

It never knows better than the database: whatever it is not sure of, it drops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..places import Place
from ..stores import Said
from .recent import Recent

PLACES = 2_000
UTTERANCES = 100


@dataclass(slots=True)
class Slot:
    """What is known of one place. ``good_for`` utterances; fewer than 0 while they are being read."""

    good_for: int = -1
    said: deque[Said] = field(default_factory=lambda: deque[Said](maxlen=UTTERANCES))


class History:
    """The last utterances of the last places."""

    def __init__(self, places: int = PLACES) -> None:
        self._slots: Recent[Place, Slot] = Recent(places)

    def recall(self, place: Place, limit: int) -> Sequence[Said] | None:
        """Return the last ``limit`` utterances, or None where they must be read."""
        slot = self._slots.get(place)
        if slot is None or slot.good_for < limit:
            return None
        said = list(slot.said)
        return said[len(said) - limit :] if len(said) > limit else said

    def reading(self, place: Place, limit: int) -> Slot | None:
        """Announce that the last ``limit`` utterances are about to be read; `read` must follow."""
        if limit > UTTERANCES or self._slots.get(place) is not None:
            return None
        slot = Slot()
        self._slots.put(place, slot)
        return slot

    def read(self, place: Place, slot: Slot | None, limit: int, said: Sequence[Said]) -> None:
        """Keep what was read, unless something changed meanwhile."""
        if slot is None or self._slots.get(place) is not slot:
            return
        slot.said.extend(said)
        slot.good_for = limit if len(said) >= limit else UTTERANCES

    def add(self, place: Place, *said: Said) -> None:
        """Add what was said just now."""
        slot = self._slots.get(place)
        if slot is None:
            return
        if slot.good_for < 0:  # what is being read may have it or not
            self._slots.drop(place)
        else:
            slot.said.extend(said)

    def drop(self, place: Place) -> None:
        """Know nothing of ``place``."""
        self._slots.drop(place)

    def clear(self) -> None:
        """Know nothing."""
        self._slots.clear()
