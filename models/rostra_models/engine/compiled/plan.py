"""All that a compiled step has to know, as values that numba understands: sizes, addresses, what is read."""

from __future__ import annotations

from typing import Any, NamedTuple

from .meeting import Share
from .native import Column, Table, kinds

NORM, AFTER, QUERY_NORM, KEY_NORM, QKV, OUT, GATES, DOWN = 0, 1, 2, 3, 4, 9, 14, 19
"""Columns of `Plan.weights`: addresses of norms, then of matrices (`Matrix`), which have 5 columns each."""

COLUMNS = 24
HEAD, EMBEDDING = QKV, OUT
"""Columns of the last row, which is for what comes before and after the layers."""

TOKEN, POSITION, SPAN = 0, 1, 2
"""Columns of `Batch.rows`; the last is a row of `Batch.spans`."""

FIRST, COUNT, START, STORE = 0, 1, 2, 3
"""Columns of `Batch.spans`: the first row and how many; the position of the first; the address of its conversation's memory."""


class Sizes(NamedTuple):
    """How large a model is, in numbers, padded but for those called ``true``.

    ``query_norms``: 1 if there are norms of queries and keys, else 0.
    """

    layers: int
    width: int
    true_width: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    true_head: int
    query_norms: int
    epsilon: float


class Work(NamedTuple):
    """Addresses of what is computed with.

    ``hidden`` ``[rows, width]``; ``wide`` ``[rows, most outputs]``; ``middle`` and ``x`` ``[rows, most inputs]``, the latter
    in 16 bits; ``units`` ``[rows]``, what a 1 of ``x`` is worth; ``angles`` ``[positions, 2, head / 2]``, cosines before sines;
    ``desks``, one for each thread, ``desk_bytes`` apart, for conversations of up to ``longest`` positions; ``logits``
    ``[wanted, vocabulary]``.
    """

    hidden: int
    wide: int
    middle: int
    x: int
    units: int
    angles: int
    desks: int
    desk_bytes: int
    longest: int
    logits: int


class Batch(NamedTuple):
    """What is read: the tokens, the conversations they belong to, and which rows' logits are wanted."""

    rows: Table
    spans: Table
    wanted: Column


class Plan(NamedTuple):
    """What a thread has to do."""

    sizes: Sizes
    weights: Table
    work: Work
    batch: Batch
    share: Share


def plan_kind() -> Any:
    """Return numba's type of a `Plan`."""
    integer, table, column = kinds.int64, kinds.Array(kinds.int64, 2, "C"), kinds.Array(kinds.int64, 1, "C")
    sizes = kinds.NamedTuple([integer] * (len(Sizes._fields) - 1) + [kinds.float64], Sizes)
    work = kinds.NamedUniTuple(integer, len(Work._fields), Work)
    batch = kinds.NamedTuple([table, table, column], Batch)
    share = kinds.NamedUniTuple(integer, len(Share._fields), Share)
    return kinds.NamedTuple([sizes, table, work, batch, share], Plan)
