"""Questions that say nearly the same, found among any number of them: MinHash signatures, compared where bands of them agree.

Broder, "On the resemblance and containment of documents" (1997), and locality-sensitive hashing as in Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", ch. 3. Written here on numpy rather than taken from a library: a split must stay the same for
ever, and `datasketch` changed its hash functions with version 2; its index also keeps every signature in memory.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import shake_256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

SHINGLE = 5
"""Characters that are compared at a time."""

FACTOR = 0x01000193
"""What the hash of a shingle is multiplied with for each character."""

BANDS, ROWS = 25, 5
"""Two texts of similarity s are compared with a probability of 1-(1-s^5)^25: 0.99996 at 0.8, 0.55 at 0.5."""

WIDTH = BANDS * ROWS

BLOCK = 20_000
"""Characters that are hashed at a time: what is in the processor's cache then."""

LONGEST = 20_000
"""Characters of a text that are looked at."""

KEPT = 8
"""Different texts in one bucket that a further one is compared with: a bucket of any size costs no more than its length."""


_SIGNS = re.compile(r"[\W_]+")


def plain(text: str) -> str:
    """Return ``text`` as it is compared: without case, punctuation and the width of spaces."""
    folded = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
    # A question of signs alone is compared by its signs.
    return _SIGNS.sub(" ", folded).strip() or " ".join(folded.split())


def signature(text: str) -> Array:
    """Return the smallest hashes of the shingles of ``text``, by `WIDTH` functions that never change."""
    found: Array = signatures([text])[0]
    return found


def signatures(texts: Sequence[str]) -> Array:
    """Return the signatures of texts, a row each. Many at a time take a tenth of the time."""
    import numpy as np

    rows = [_smallest(block) for block in _blocks(texts)]
    return np.concatenate(rows) if rows else np.empty((0, WIDTH), dtype=np.uint32)


def _blocks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield texts as they are compared, about `BLOCK` characters at a time."""
    block: list[str] = []
    held = 0
    for text in texts:
        block.append(plain(text).ljust(SHINGLE, "\0"))
        held += len(block[-1])
        if held >= BLOCK:
            yield block
            block, held = [], 0
    if block:
        yield block


def _smallest(block: Sequence[str]) -> Array:
    """Return the signatures of texts of at least `SHINGLE` characters."""
    import numpy as np

    codes = np.frombuffer("".join(block).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    powers = np.array([pow(FACTOR, at, 1 << 32) for at in range(SHINGLE)], dtype=np.uint32)
    ends = np.cumsum([len(text) for text in block])
    inside = np.ones(len(codes), dtype=bool)
    for before in range(1, SHINGLE):  # a shingle that begins here would reach into the next text
        inside[ends - before] = False
    hashes = _mixed(np.convolve(codes, powers, "valid")[inside[: 1 - SHINGLE]])
    starts = np.concatenate([[0], ends[:-1] - (SHINGLE - 1) * np.arange(1, len(block))])
    found = np.empty((len(block), WIDTH), dtype=np.uint32)
    for at, (factor, offset) in enumerate(zip(*_functions(), strict=True)):
        found[:, at] = np.minimum.reduceat(hashes * factor + offset, starts)
    return found


def _mixed(hashes: Array) -> Array:
    """Return 32-bit hashes, each bit of which depends on all before (the finaliser of MurmurHash3, public domain)."""
    import numpy as np

    hashes = (hashes ^ (hashes >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    hashes = (hashes ^ (hashes >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    mixed: Array = hashes ^ (hashes >> np.uint32(16))
    return mixed


@cache
def _functions() -> tuple[Array, Array]:
    """Return odd factors and offsets: h → a·h + b (mod 2³²) is a permutation."""
    import numpy as np

    drawn = np.frombuffer(shake_256(b"rostra near duplicates 1").digest(8 * WIDTH), dtype="<u4")
    return (drawn[:WIDTH] | 1).astype(np.uint32), drawn[WIDTH:].astype(np.uint32)


def alike(one: Array, other: Array) -> float:
    """Return how similar two texts are, from 0 to 1, as their signatures tell: the Jaccard index of their shingles, within ±0.1."""
    return float((one == other).mean())


class Neighbours:
    """Finds groups of near-duplicates among texts that come one after the other.

    Keeps about thirty bytes a text in memory; signatures lie in ``folder``, 500 bytes each.
    """

    def __init__(self, folder: Path, threshold: float) -> None:
        self._threshold = threshold
        self._path = folder / "signatures"
        self._file = self._path.open("w+b")
        self.count = 0

    def add(self, texts: Sequence[str]) -> None:
        """Take in texts; they are numbered from 0 as they come."""
        if texts:
            self._file.write(signatures(texts).tobytes())
            self.count += len(texts)

    def groups(self) -> Array:
        """Return for each text the lowest number of those it belongs with: its own where there are none. Ends the use of this."""
        import numpy as np

        root = np.arange(self.count, dtype=np.int64)
        self._file.flush()
        for band in range(BANDS):
            for bucket in _buckets(self._band(band)):
                self._join(root, bucket)
        for at in range(self.count):  # parents have lower numbers, and are done
            root[at] = root[root[at]]
        self._file.close()
        self._path.unlink()
        return root

    def _band(self, band: int) -> Array:
        """Return one number a text: equal where all rows of the band are."""
        import numpy as np

        found = np.empty(self.count, dtype=np.uint64)
        self._file.seek(0)
        for start in range(0, self.count, 8192):
            block = np.fromfile(self._file, dtype=np.uint32, count=8192 * WIDTH).reshape(-1, WIDTH)
            rows = block[:, band * ROWS : (band + 1) * ROWS].astype(np.uint64)
            hashes = np.zeros(len(rows), dtype=np.uint64)
            for column in range(ROWS):
                hashes = (hashes ^ rows[:, column]) * np.uint64(0x9E3779B97F4A7C15)
                hashes ^= hashes >> np.uint64(29)
            found[start : start + len(rows)] = hashes
        return found

    def _join(self, root: Array, bucket: Array) -> None:
        """Join those of one bucket that are alike."""
        kept: list[int] = []
        for number in map(int, bucket):
            mine: Array | None = None
            for other in kept:
                if _root(root, number) == _root(root, other):
                    break
                mine = self._read(number) if mine is None else mine
                if alike(mine, self._read(other)) >= self._threshold:
                    _unite(root, number, other)
                    break
            else:
                if len(kept) < KEPT:
                    kept.append(number)

    def _read(self, number: int) -> Array:
        import os

        import numpy as np

        return np.frombuffer(os.pread(self._file.fileno(), 4 * WIDTH, 4 * WIDTH * number), dtype=np.uint32)


def _buckets(hashes: Array) -> Iterator[Array]:
    """Yield the numbers of those with the same hash, in order, where there are several."""
    import numpy as np

    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    same = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(same) == 0:
        return
    starts = same[np.concatenate([[True], np.diff(same) > 1])]
    ends = same[np.concatenate([np.diff(same) > 1, [True]])] + 2
    for start, end in zip(starts, ends, strict=True):
        yield order[start:end]


def _root(root: Array, number: int) -> int:
    while root[number] != number:
        root[number] = root[root[number]]
        number = int(root[number])
    return number


def _unite(root: Array, one: int, other: int) -> None:
    low, high = sorted((_root(root, one), _root(root, other)))
    root[high] = low
