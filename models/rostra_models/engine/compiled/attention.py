"""What a few queries see of one conversation: scores of all keys first, then the values weighed by their odds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .lanes import load, load_one, separate, splat, store, store_one
from .memory import TOKENS
from .native import LANES, compiled, merged, wide
from .rows import STEP, odds
from .tile import FEW, halves

TOGETHER = 8 if wide() else FEW
"""At most so many queries share a reading of keys and values."""


class View(NamedTuple):
    """What is seen, and by whom: of tokens from position ``start`` on ``group`` queries each, from number ``query`` on.

    ``zone`` is the address of their first block of keys and values and ``block`` the bytes to the next; ``head``: numbers;
    ``row``: that of the first token.
    """

    zone: int
    block: int
    head: int
    start: int
    group: int
    query: int
    row: int


class Desk(NamedTuple):
    """Where a thread works: addresses of ``queries``, ``seen`` and ``scores`` ``[TOGETHER, head or positions]``.

    ``room``: bytes from the scores of one query to the next.
    """

    queries: int
    seen: int
    scores: int
    room: int


@merged
def desk(address: int, head: int, longest: int) -> Desk:
    """Lay out a desk for ``longest`` positions; `desk_bytes` says how large it gets."""
    seen = address + 4 * TOGETHER * head
    return Desk(address, seen, seen + 4 * TOGETHER * head, 4 * ((longest + TOKENS - 1) // TOKENS * TOKENS))


def desk_bytes(head: int, longest: int) -> int:
    """Return the bytes that a desk takes."""
    return 4 * TOGETHER * (2 * head + longest + TOKENS)


def _scored(rows: int, columns: int) -> Callable[[View, Desk, int], None]:
    weigh = halves(rows, columns)

    @compiled
    def run(view: View, desk: Desk, longest: int) -> None:
        separate()
        size = 2 * LANES * view.head
        for block in range(0, longest, TOKENS):
            keys, scores = view.zone + block // TOKENS * view.block, desk.scores + 4 * block
            for at in range(0, TOKENS // LANES, columns):
                weigh(
                    desk.queries,
                    4 * view.head,
                    keys + at * size,
                    size,
                    2 * LANES,
                    view.head,
                    scores + at * STEP,
                    desk.room,
                    0,
                )

    return run


def _weighed(rows: int, columns: int) -> Callable[[View, Desk, int], None]:
    weigh = halves(rows, columns)

    @compiled
    def run(view: View, desk: Desk, longest: int) -> None:
        separate()
        for block in range(0, longest, TOKENS):
            values = view.zone + block // TOKENS * view.block + 2 * TOKENS * view.head
            for at in range(0, view.head // LANES, columns):
                weigh(
                    desk.scores + 4 * block,
                    desk.room,
                    values + at * 2 * LANES,
                    2 * LANES,
                    2 * view.head,
                    min(TOKENS, longest - block),
                    desk.seen + at * STEP,
                    4 * view.head,
                    block,
                )

    return run


_COLUMNS = 2 if wide() else 1
_score_one, _score_some, _score_many = _scored(1, 4), _scored(FEW, _COLUMNS), _scored(TOGETHER, _COLUMNS)
_weigh_one, _weigh_some, _weigh_many = _weighed(1, 2), _weighed(FEW, _COLUMNS), _weighed(TOGETHER, _COLUMNS)


@merged
def see(view: View, desk: Desk, first: int, count: int) -> None:
    """Write what queries see that lie on the desk: ``count`` of a part's, from the ``first`` on.

    The query of a token sees what precedes it, and the token itself. Behind the queries must be room for `TOGETHER`.
    """
    longest = view.start + (first + count - 1) // view.group + 1
    if count == 1:
        _score_one(view, desk, longest)
    elif count <= FEW:
        _score_some(view, desk, longest)
    else:
        _score_many(view, desk, longest)
    for row in range(count):
        length = view.start + (first + row) // view.group + 1
        summed = odds(desk.scores + row * desk.room, length, longest)
        store_one(desk.queries + 4 * row, 1.0 / summed)  # the queries have done what they were for
    if count == 1:
        _weigh_one(view, desk, longest)
    elif count <= FEW:
        _weigh_some(view, desk, longest)
    else:
        _weigh_many(view, desk, longest)
    for row in range(count):
        share, seen = splat(load_one(desk.queries + 4 * row)), desk.seen + 4 * row * view.head
        for at in range(0, 4 * view.head, STEP):
            store(seen + at, load(seen + at) * share)
