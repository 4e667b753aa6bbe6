"""What conversations left behind: caches to go on from when one goes on, or another begins alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

SHORTEST = 16
"""Tokens in common from which on copying them is worth while."""


class Memory(Protocol):
    """Keys and values of the tokens of one conversation."""

    @property
    def length(self) -> int:
        """Tokens that it has."""
        ...

    @property
    def room(self) -> int:
        """Tokens that fit."""
        ...

    @property
    def bytes(self) -> int:
        """What its tokens take."""
        ...

    def copied(self, length: int, room: int) -> Self | None:
        """Return another one, with the first ``length`` tokens; None where that cannot be done."""
        ...


@dataclass(slots=True, eq=False)
class Entry:
    """A memory and the tokens in it; while it is ``busy``, both grow."""

    tokens: list[int]
    memory: Memory
    busy: bool = True


class Prefixes:
    """Memories in use and memories kept, in the order they were last used."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    @property
    def idle(self) -> int:
        """Bytes of what is kept and not in use."""
        return sum(entry.memory.bytes for entry in self._entries if not entry.busy)

    def begin(self, tokens: Sequence[int], room: int, *, align: int, most: int) -> Entry | None:
        """Return a busy entry that has read the beginning of ``tokens``, or None where nothing begins like them.

        It has ``room``, and at least one of ``tokens`` is left to read. How many are read is a multiple of ``align``, or
        all that another had: then what is read next is cut into the same portions as without it. A memory that is kept and
        has nothing else is handed over, others are copied. Of what is then idle no more than ``most`` bytes are kept; what
        serves this conversation goes last.
        """
        found, length = self._alike(tokens, room)
        if found is None:
            self.shrink(most)
            return None
        if _handed(found, length, room):
            self._entries.remove(found)
            found.busy = True
            self.shrink(most)
            return self.add(found)
        length -= length % align
        self.shrink(most, but=found)
        copied = found.memory.copied(length, room) if length >= SHORTEST else None
        self.shrink(most)
        return None if copied is None else self.add(Entry(list(tokens[:length]), copied))

    def _alike(self, tokens: Sequence[int], room: int) -> tuple[Entry | None, int]:
        """Return what begins most like ``tokens``, if anything does, and how many it has in common with all but the last."""
        alike = [(common(entry.tokens, tokens), entry) for entry in self._entries]
        length, found = max(alike, key=lambda one: (one[0], _handed(one[1], one[0], room)), default=(0, None))
        length = min(length, len(tokens) - 1)
        return (found, length) if length >= SHORTEST else (None, 0)

    def add(self, entry: Entry) -> Entry:
        """Keep track of an entry."""
        self._entries.append(entry)
        return entry

    def release(self, entry: Entry) -> None:
        """Keep an entry that is not used any more, if it can serve anybody."""
        entry.busy = False
        self._entries.remove(entry)
        if len(entry.tokens) >= SHORTEST:
            self._entries.append(entry)

    def shrink(self, most: int, *, but: Entry | None = None) -> None:
        """Give up what was not used for the longest time, until ``idle`` is no more than ``most``; not ``but``, though."""
        idle = self.idle
        for entry in [entry for entry in self._entries if not entry.busy and entry is not but]:
            if idle <= most:
                return
            idle -= entry.memory.bytes
            self._entries.remove(entry)

    def clear(self) -> None:
        """Give up everything."""
        self._entries.clear()


def _handed(entry: Entry, length: int, room: int) -> bool:
    """Return whether a conversation that has ``length`` tokens in common takes over the entry as it is."""
    return not entry.busy and length == len(entry.tokens) and entry.memory.room >= room


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens both begin with."""
    low, high = 0, min(len(one), len(other))
    if not high or one[0] != other[0]:
        return 0
    while low < high:  # slices are compared much faster than items
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low
