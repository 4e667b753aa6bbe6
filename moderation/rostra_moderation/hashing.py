"""A linear model over hashed pieces of words: what a classifier costs when it may cost a fraction of a millisecond.

Pairs of words and runs of two to five characters are numbered by a hash instead of a dictionary (the hashing trick,
https://arxiv.org/abs/0902.2206), all at once in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS = 17
"""The table has 2 to the power of this many rows."""

_RUNS = (2, 3, 4, 5)
_FACTOR = 0x01000193  # FNV-1a's prime, of 32 bits
_GOLDEN = 0x9E3779B1  # spreads neighbouring numbers: 2³² divided by the golden ratio


def features(words: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows of the table that a text of ``words`` uses, ascending, each once."""
    import numpy as np

    text = f" {' '.join(words)} ".encode("utf-8", "replace")
    characters = np.frombuffer(text, dtype=np.uint8).astype(np.uint32)
    found = [np.array(_pairs(words), dtype=np.uint32)]
    run = characters
    for length in _RUNS:
        if len(characters) < length:
            break
        run = run[:-1] * np.uint32(_FACTOR) ^ characters[length - 1 :]
        found.append(run + np.uint32(length))
    spread = np.concatenate(found) * np.uint32(_GOLDEN) >> np.uint32(32 - BITS)
    return np.unique(spread).astype(np.int64)


def _pairs(words: Sequence[str]) -> list[int]:
    single = [crc32(word.encode("utf-8", "replace")) for word in words]
    pairs = [(one * 31 + other) & 0xFFFFFFFF for one, other in pairwise(single)]
    return single + pairs


class Linear:
    """Weights for every row of the table and every head, in eight bits."""

    def __init__(
        self, table: NDArray[np.int8], scale: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> None:
        """``table`` is rows by heads; ``scale`` and ``bias`` have one number a head. Raises `ValueError` on other shapes."""
        if table.shape != (1 << BITS, len(scale)) or len(bias) != len(scale):
            raise ValueError(f"a table of {table.shape}, with {len(scale)} scales and {len(bias)} biases")
        self._table = table
        self._scale = scale
        self._bias = bias

    def logits(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return one number a head."""
        import numpy as np

        rows = features(words)
        summed = self._table[rows].sum(axis=0, dtype=np.int32)
        made: NDArray[np.float32] = summed * self._scale / np.float32(max(len(rows), 1)) ** 0.5 + self._bias
        return made
