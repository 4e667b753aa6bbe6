"""A model of the Llama family whose whole step is compiled (`step`): Llama, SmolLM2, Mistral, Qwen2 and Qwen3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...shape import Shape
from ..runner import Part
from .attention import desk_bytes
from .crew import Crew
from .memory import Blocks
from .packing import pack, padded
from .plan import Batch, Plan, Sizes, Work
from .products import MOST_ROWS, OUTPUTS
from .step import compiled_step

AHEAD = 1024
"""Positions for which there is room at least."""


class Compiled:
    """A loaded model. Not for several threads at once.

    What a token gets depends on the tokens before it alone: not on what else is read, nor on where a prompt is cut, nor on
    the number of threads, bit for bit.
    """

    def __init__(self, shape: Shape, weights: Mapping[str, Tensor], *, threads: int) -> None:
        """``weights`` by their names in transformers."""
        self.shape = shape
        self._packed = pack(shape, weights)
        self._buffers = _Buffers(shape, self._packed.sizes, threads)
        self._crew = Crew(threads)
        self._step = compiled_step()
        self.token_bytes = self.memory(1).token_bytes

    def memory(self, room: int) -> Blocks:
        """Return an empty cache for ``room`` tokens."""
        sizes = self._packed.sizes
        return Blocks(sizes.layers * sizes.kv_heads, sizes.head, room)

    def forward(self, parts: Sequence[Part], *, every: bool = False) -> Tensor:
        """Read each part's tokens into its cache, in order. Return logits in 32 bits.

        Shape: ``[parts that want some, vocabulary]``, after the last token of each; with ``every``,
        ``[tokens, vocabulary]``, after each token of each part.
        """
        batch = _batch(parts, every=every)
        rows, wanted = len(batch.rows), len(batch.wanted)
        vocabulary = self.shape.vocabulary
        logits = torch.empty(padded(wanted, MOST_ROWS), padded(vocabulary, OUTPUTS))
        longest = max(part.memory.length for part in parts)
        work = self._buffers.work(rows, longest, logits)
        sizes, table = self._packed.sizes, self._packed.table
        self._crew.run(lambda share: self._step(Plan(sizes, table, work, batch, share)))
        return logits[:wanted, :vocabulary]


def _batch(parts: Sequence[Part], *, every: bool) -> Batch:
    """Return what is to be read, and count it as there."""
    rows: list[tuple[int, int, int]] = []
    spans: list[tuple[int, int, int, int]] = []
    wanted: list[int] = []
    for number, part in enumerate(parts):
        memory: Blocks = part.memory
        start = memory.extend(len(part.tokens))
        spans.append((len(rows), len(part.tokens), start, memory.address))
        rows += [(token, position, number) for position, token in enumerate(part.tokens, start)]
        if part.wanted:
            wanted.append(len(rows) - 1)
    return Batch(
        np.array(rows, dtype=np.int64),
        np.array(spans, dtype=np.int64),
        np.array(range(len(rows)) if every else wanted, dtype=np.int64),
    )


class _Buffers:
    """What steps compute with, enlarged as larger ones come."""

    def __init__(self, shape: Shape, sizes: Sizes, threads: int) -> None:
        self._shape, self._sizes, self._threads = shape, sizes, threads
        self._rows = self._longest = 0
        self._held: Sequence[Tensor] = ()
        self._angles = torch.empty(0)
        self._desks = torch.empty(0)

    def work(self, rows: int, longest: int, logits: Tensor) -> Work:
        """Return room for so many tokens of conversations of up to ``longest``."""
        sizes = self._sizes
        if rows > self._rows:
            self._rows = padded(max(rows, 2 * self._rows), MOST_ROWS)
            seen, read = sizes.heads * sizes.head, (sizes.heads + 2 * sizes.kv_heads) * sizes.head
            most, outputs = max(sizes.width, sizes.inner, seen), max(2 * sizes.inner, padded(read, OUTPUTS))
            self._held = (
                torch.empty(self._rows, sizes.width),
                torch.empty(self._rows, outputs),
                torch.empty(self._rows, most),
                torch.empty(self._rows, most, dtype=torch.int16),
                torch.empty(self._rows),
            )
        if longest > self._longest:
            self._longest = padded(max(longest, 2 * self._longest, AHEAD), 64)
            self._angles = _angles(self._shape.rotations, self._longest, sizes.head // 2)
            self._desks = torch.zeros(self._threads, desk_bytes(sizes.head, self._longest) // 4)
        hidden, wide, middle, x, units = (one.data_ptr() for one in self._held)
        return Work(
            hidden=hidden,
            wide=wide,
            middle=middle,
            x=x,
            units=units,
            angles=self._angles.data_ptr(),
            desks=self._desks.data_ptr(),
            desk_bytes=4 * self._desks.shape[1],
            longest=self._longest,
            logits=logits.data_ptr(),
        )


def _angles(rotations: Sequence[float], positions: int, lanes: int) -> Tensor:
    """Return cosines and sines, ``[positions, 2, lanes]``."""
    turns = torch.outer(torch.arange(positions).double(), torch.tensor(rotations, dtype=torch.float64))
    found = torch.zeros(positions, 2, lanes)
    found[:, 0, : len(rotations)], found[:, 1, : len(rotations)] = turns.cos(), turns.sin()
    return found
