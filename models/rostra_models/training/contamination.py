"""Whether what a model is validated on stands in what it learned from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .corpus import Corpus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PART = 1 << 22
_BASE = 0x9E3779B97F4A7C15 | 1


def overlap(learned: Corpus, held_out: Corpus, length: int) -> float:
    """Return which share of the tokens held out is part of a run of ``length`` tokens that is learned from as well.

    GPT-3's check (https://arxiv.org/abs/2005.14165, appendix C) over tokens. Runs are compared by hashes of 64 bits.
    """
    import numpy as np

    start, stop = int(held_out.starts[0]), int(held_out.starts[-1])
    ours = _hashes(held_out.read(start, stop), length)
    if not len(ours):
        return 0.0
    known, back = np.unique(ours, return_inverse=True)
    seen = np.zeros(len(known), dtype=bool)
    for there in _runs(learned, length):
        at = np.searchsorted(known, there).clip(max=len(known) - 1)
        seen[at[known[at] == there]] = True
    covered = np.zeros(len(ours) + length, dtype=np.int64)
    begins = np.flatnonzero(seen[back])
    np.add.at(covered, begins, 1)
    np.add.at(covered, begins + length, -1)
    return float((covered.cumsum()[: stop - start] > 0).mean())


def _runs(corpus: Corpus, length: int) -> Iterator[NDArray[np.uint64]]:
    start, stop = int(corpus.starts[0]), int(corpus.starts[-1])
    for at in range(start, stop, _PART):
        yield _hashes(corpus.read(at, min(stop, at + _PART + length - 1)), length)


def _hashes(tokens: NDArray[np.int64], length: int) -> NDArray[np.uint64]:
    """Return a hash of each run of ``length`` tokens: a polynomial modulo 2^64 of tokens that were mixed first."""
    import numpy as np

    count = len(tokens) - length + 1
    if count < 1:
        return np.zeros(0, np.uint64)
    mixed = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(31)
    found = np.zeros(count, np.uint64)
    for at in range(length):
        found *= np.uint64(_BASE)
        found += mixed[at : at + count]
    return found
