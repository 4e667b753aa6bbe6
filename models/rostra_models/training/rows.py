"""Which tokens each row of a step of pre-training holds: pieces of documents, packed, in an order of the seed's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .corpus import Corpus
from .order import shuffled
from .packing import NOTHING, Packed, pack, packed

_GROUP = 4096
"""Pieces that are packed together: enough for rows that are nearly full, few enough to stay a shuffled order."""

Row = tuple[tuple[int, int], ...]


def pieces(corpus: Corpus, room: int, shift: int) -> list[tuple[int, int]]:
    """Return all documents in pieces of at most ``room`` tokens, each a start and a stop.

    ``shift`` moves the cuts in long documents; a token after which nothing follows in its document begins no piece.
    """
    found: list[tuple[int, int]] = []
    for first, last in zip(corpus.starts[:-1].tolist(), corpus.starts[1:].tolist(), strict=True):
        # The last token is only ever said. What is shorter than a row is not cut.
        cuts = (
            [first, *range(first + (shift or room), last - 1, room), last - 1]
            if last - first > room + 1
            else [first, last - 1]
        )
        found += [(one, other) for one, other in pairwise(cuts) if other > one]
    return found


def epoch_rows(corpus: Corpus, room: int, seed: int, epoch: int) -> list[Row]:
    """Return the rows of an epoch in their order: every token once, cut elsewhere in each epoch."""
    shift = int(shuffled(room, seed, epoch + (1 << 31))[0])
    parts = pieces(corpus, room, shift)
    order = _mixed(len(parts), seed, epoch)
    found: list[Row] = []
    for at in range(0, len(order), _GROUP):
        group = [parts[one] for one in order[at : at + _GROUP]]
        made = pack([stop - start for start, stop in group], room)
        found += [tuple(group[one] for one in made[row]) for row in _mixed(len(made), seed, epoch)]
    return found


def _mixed(count: int, seed: int, epoch: int) -> list[int]:
    found: list[int] = shuffled(count, seed, epoch).tolist()
    return found


@dataclass(slots=True)
class Plan:
    """The rows of all steps. Only the last epoch asked for is held."""

    corpus: Corpus
    room: int
    per_step: int
    seed: int
    _lengths: list[int] = field(default_factory=list[int])
    _held: tuple[int, list[Row]] = (-1, [])

    def rows(self, step: int) -> Sequence[Row]:
        """Return the rows of step ``step``; a step may end one epoch and begin the next."""
        found: list[Row] = []
        place = step * self.per_step
        epoch = 0
        while len(found) < self.per_step:
            while place >= self._length(epoch):
                place -= self._length(epoch)
                epoch += 1
            more = self._epoch(epoch)[place : place + self.per_step - len(found)]
            found += more
            place += len(more)
        return found

    def _length(self, epoch: int) -> int:
        if epoch == len(self._lengths):
            self._lengths.append(len(self._epoch(epoch)))
        return self._lengths[epoch]

    def _epoch(self, epoch: int) -> list[Row]:
        if self._held[0] != epoch:
            self._held = (epoch, epoch_rows(self.corpus, self.room, self.seed, epoch))
        return self._held[1]


def batch(corpus: Corpus, rows: Sequence[Row], room: int) -> Packed:
    """Return rows as a micro-batch: after each token, the next of its document is to be said."""
    read = [[(corpus.read(*piece), corpus.read(piece[0] + 1, piece[1] + 1)) for piece in row] for row in rows]
    return packed(read, room, padding=0)


def in_order(corpus: Corpus, room: int, per_batch: int) -> Iterator[Packed]:
    """Yield everything once, in its order, cut where no choice was made: what validation reads."""
    parts = pieces(corpus, room, 0)
    made = pack([stop - start for start, stop in parts], room)
    rows = [tuple(parts[one] for one in row) for row in made]
    for at in range(0, len(rows), per_batch):
        yield batch(corpus, rows[at : at + per_batch], room)


def wanted(one: Packed) -> int:
    """Return how many tokens are learned from."""
    return int((one.targets != NOTHING).sum())
