"""Keys and values of one conversation, in the order in which compiled attention reads them."""

from __future__ import annotations

import numpy as np

from .lanes import larger, load, smaller, splat, store_halves, store_halves_apart
from .native import LANES, compiled

TOKENS = 64
"""Tokens of a block."""

_LOUDEST = 65504.0  # the largest number of 16 bits


class Blocks:
    """Keys and values of the tokens of one conversation in 16 bits, in blocks of `TOKENS`.

    A block has, for each layer and each head of it, keys ``[4, head, 16 tokens]`` and values ``[64 tokens, head]``: 16
    scores are computed at once, and 16 numbers of a head. Blocks that nobody wrote to take no memory on systems that
    give pages when they are touched; numpy asks Linux for large pages, which saves a tenth of the time to read a prompt.
    """

    __slots__ = ("_store", "length", "room")

    def __init__(self, heads: int, head: int, room: int) -> None:
        """``heads``: those of all layers together; ``head``: numbers of each, padded; ``room``: tokens that fit."""
        self.room, self.length = room, 0
        self._store = np.empty((-(-room // TOKENS), heads, 2, TOKENS * head), dtype=np.float16)

    @property
    def bytes(self) -> int:
        """What its tokens take."""
        return self.token_bytes * self.length

    @property
    def token_bytes(self) -> int:
        """What a token takes."""
        return int(self._store[0].nbytes) // TOKENS

    @property
    def address(self) -> int:
        return self._store.ctypes.data

    def extend(self, tokens: int) -> int:
        """Count ``tokens`` more as there; the caller writes them. Return how many there were.

        Raises `ValueError` if they do not fit.
        """
        start, end = self.length, self.length + tokens
        if end > self.room:
            raise ValueError(f"{end} tokens do not fit into a cache for {self.room}")
        self.length = end
        return start

    def copied(self, length: int, room: int) -> Blocks:
        """Return another one with the first ``length`` tokens of this one."""
        _, heads, _, block = self._store.shape
        made = Blocks(heads, block // TOKENS, room)
        made.length = length
        blocks = -(-length // TOKENS)
        made._store[:blocks] = self._store[:blocks]
        return made


@compiled
def keep(key: int, value: int, position: int, head: int, zone: int) -> None:
    """Write a key and a value as those of a ``position`` in the block that begins at ``zone``."""
    token = position % TOKENS
    keys = zone + token // LANES * head * 2 * LANES + token % LANES * 2
    values = zone + 2 * head * (TOKENS + token)
    least, most = splat(-_LOUDEST), splat(_LOUDEST)  # beyond that they would be infinite
    for at in range(0, head, LANES):
        bounded = larger(smaller(load(key + 4 * at), most), least)
        store_halves_apart(keys + at * 2 * LANES, bounded, 2 * LANES)
        store_halves(values + 2 * at, larger(smaller(load(value + 4 * at), most), least))
