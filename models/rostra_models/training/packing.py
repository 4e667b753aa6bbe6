"""Rows without waste in which no document sees another: who may look at whom, and where each begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOTHING = -100
"""What is to be said after a token that is not learned from (transformers' and PyTorch's sign)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A micro-batch, each ``[rows, room]`` of 64-bit integers.

    ``ids``        tokens.
    ``targets``    the token that follows in the same document, `NOTHING` where none is learned.
    ``positions``  from 0 in each document.
    ``documents``  which document of its row a token is in, from 0; -1 is padding.
    """

    ids: Tensor
    targets: Tensor
    positions: Tensor
    documents: Tensor

    @property
    def plain(self) -> bool:
        """Whether each row is one document from end to end, so that causal attention is all it takes."""
        return bool((self.documents == 0).all())


def pack(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Return rows of the pieces' numbers, none longer than ``room`` in all: best fit, longest first.

    The same lengths give the same rows. Raises `ValueError` for a piece that fits nowhere.
    """
    rows: list[list[int]] = []
    with_room: list[list[int]] = [[] for _ in range(room + 1)]  # rows by the room that is left in them
    for piece in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        length = lengths[piece]
        if not 0 < length <= room:
            raise ValueError(f"a piece of {length!r} tokens does not go into a row of {room!r}")
        left = next((left for left in range(length, room) if with_room[left]), None)
        row = len(rows) if left is None else with_room[left].pop()
        if left is None:
            rows.append([])
            left = room
        rows[row].append(piece)
        with_room[left - length].append(row)
    return rows


def packed(
    rows: Sequence[Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]], room: int, padding: int
) -> Packed:
    """Return a micro-batch of rows of pieces, each tokens and targets of one length; the rest is ``padding``."""
    import numpy as np

    shape = (len(rows), room)
    ids, targets = np.full(shape, padding), np.full(shape, NOTHING)
    positions, documents = np.zeros(shape, np.int64), np.full(shape, -1)
    for number, row in enumerate(rows):
        at = 0
        for document, (tokens, following) in enumerate(row):
            end = at + len(tokens)
            ids[number, at:end], targets[number, at:end] = tokens, following
            positions[number, at:end], documents[number, at:end] = np.arange(end - at), document
            at = end
    made: Any = torch  # its types leave arrays open
    return Packed(
        ids=made.from_numpy(ids),
        targets=made.from_numpy(targets),
        positions=made.from_numpy(positions),
        documents=made.from_numpy(documents),
    )


def packed_mask(documents: Tensor) -> Tensor:
    """Return who may look at whom: ``[rows, 1, room, room]``, true for earlier tokens of the same document and itself.

    Any of transformers' classes takes it as ``attention_mask`` with ``attn_implementation="sdpa"``. Padding looks at
    itself and earlier padding: a row that looks at nothing would be no number.
    """
    room = documents.shape[1]
    causal = torch.ones(room, room, dtype=torch.bool, device=documents.device).tril()
    return (causal & (documents[:, :, None] == documents[:, None, :]))[:, None]
