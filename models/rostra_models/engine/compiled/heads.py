"""Queries, keys and values of a layer: turned by position, remembered, and what the queries see."""

from __future__ import annotations

from math import sqrt

from .attention import TOGETHER, View, desk, see
from .lanes import load, store
from .memory import TOKENS, keep
from .native import compiled, merged
from .plan import COUNT, FIRST, KEY_NORM, POSITION, QUERY_NORM, SPAN, START, STORE, Plan, Sizes
from .rows import STEP, normed, turned


@compiled
def _zone(sizes: Sizes, layer: int, head: int) -> int:
    """Return how many bytes of a block come before those of a head."""
    return (layer * sizes.kv_heads + head) * 4 * TOKENS * sizes.head


@merged
def turn(plan: Plan, layer: int, row: int, read: int) -> None:
    """Norm and turn the queries and keys ``read`` of a row; scores are to be divided by the root of a head's length."""
    sizes, weights = plan.sizes, plan.weights
    size, factor = 4 * sizes.head, 1.0 / sqrt(sizes.true_head)
    angles = plan.work.angles + size * plan.batch.rows[row, POSITION]
    for number in range(sizes.heads + sizes.kv_heads):
        query, at = number < sizes.heads, read + number * size
        if sizes.query_norms:
            weight = weights[layer, QUERY_NORM if query else KEY_NORM]
            normed(at, weight, sizes.head, sizes.true_head, sizes.epsilon)
        turned(at, angles, sizes.head, factor if query else 1.0)


@merged
def remember(plan: Plan, layer: int, row: int, read: int) -> None:
    """Keep the keys and values ``read`` of a row in its conversation's memory."""
    sizes, rows = plan.sizes, plan.batch.rows
    size, position = 4 * sizes.head, rows[row, POSITION]
    block = plan.batch.spans[rows[row, SPAN], STORE] + position // TOKENS * _zone(sizes, sizes.layers, 0)
    for head in range(sizes.kv_heads):
        key = read + (sizes.heads + head) * size
        value = key + sizes.kv_heads * size
        keep(key, value, position, sizes.head, block + _zone(sizes, layer, head))


@merged
def attend(plan: Plan, layer: int, outputs: int) -> None:
    """Write to ``middle`` what all queries see that were read to ``wide``, ``[rows, outputs]``: this thread's share."""
    sizes, spans, share = plan.sizes, plan.batch.spans, plan.share
    group, block, item = sizes.heads // sizes.kv_heads, _zone(sizes, sizes.layers, 0), 0
    for span in range(len(spans)):
        row, start, queries = spans[span, FIRST], spans[span, START], spans[span, COUNT] * group
        for head in range(sizes.kv_heads):
            zone = spans[span, STORE] + _zone(sizes, layer, head)
            view = View(zone, block, sizes.head, start, group, head * group, row)
            for first in range(0, queries, TOGETHER):
                if item % share.threads == share.thread:
                    _attend(plan, view, first, min(TOGETHER, queries - first), outputs)
                item += 1


@merged
def _attend(plan: Plan, view: View, first: int, count: int, outputs: int) -> None:
    """Write what some queries see of a conversation, ``count`` from the ``first`` on."""
    work, size = plan.work, 4 * view.head
    mine = desk(work.desks + plan.share.thread * work.desk_bytes, view.head, work.longest)
    for number in range(count):
        row, query = view.row + (first + number) // view.group, view.query + (first + number) % view.group
        _copy(work.wide + 4 * row * outputs + query * size, mine.queries + number * size, size)
    see(view, mine, first, count)
    for number in range(count):
        row, query = view.row + (first + number) // view.group, view.query + (first + number) % view.group
        _copy(mine.seen + number * size, work.middle + (row * plan.sizes.heads + query) * size, size)


@compiled
def _copy(start: int, to: int, size: int) -> None:
    for at in range(0, size, STEP):
        store(to + at, load(start + at))
