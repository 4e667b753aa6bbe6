"""One step of a model of the Llama family, from tokens to logits, in one call for each thread.

Every stage is divided among the threads, by rows or by outputs, and they wait for one another after it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from math import sqrt
from pathlib import Path

from .heads import attend, remember, turn
from .lanes import store_one
from .meeting import meet
from .native import compiled, entry, merged
from .plan import AFTER, DOWN, EMBEDDING, GATES, HEAD, NORM, OUT, QKV, TOKEN, Plan, plan_kind
from .products import OUTPUTS, Matrix, Product, multiplied
from .rows import gated, looked_up, rounded, weighed


@compiled
def _matrix(plan: Plan, layer: int, at: int) -> Matrix:
    table = plan.weights
    return Matrix(
        table[layer, at],
        table[layer, at + 1],
        table[layer, at + 2],
        table[layer, at + 3],
        table[layer, at + 4],
    )


@compiled
def _multiply(plan: Plan, matrix: Matrix, out: int, keep: int, rows: int) -> None:
    """Multiply ``x`` with this thread's share of the outputs."""
    blocks, share = matrix.outputs // OUTPUTS, plan.share
    start, end = blocks * share.thread // share.threads, blocks * (share.thread + 1) // share.threads
    product = Product(plan.work.x, plan.work.units, out, keep)
    multiplied(matrix, product, rows, start * OUTPUTS, end * OUTPUTS)


@compiled
def _round(plan: Plan, row: int, inputs: int, more: float) -> None:
    """Round a row of ``middle``; products with it are to be multiplied with ``more``."""
    work = plan.work
    unit = rounded(work.middle + 4 * row * inputs, inputs, work.x + 2 * row * inputs)
    store_one(work.units + 4 * row, unit * more)


@compiled
def _norm(plan: Plan, weight: int, hidden: int, row: int) -> None:
    """Norm a ``hidden`` row (RMSNorm, https://arxiv.org/abs/1910.07467) and round it as ``row``."""
    sizes, work = plan.sizes, plan.work
    squares = weighed(
        work.hidden + 4 * hidden * sizes.width, weight, sizes.width, work.middle + 4 * row * sizes.width
    )
    # Rounding does not mind how long a row is: only what a 1 is worth does.
    _round(plan, row, sizes.width, 1.0 / sqrt(squares / sizes.true_width + sizes.epsilon))


@merged
def _gate(plan: Plan, row: int, outputs: int) -> None:
    work, inner = plan.work, plan.sizes.inner
    gates = work.wide + 4 * row * outputs
    gated(gates, gates + 4 * inner, inner, work.middle + 4 * row * inner)
    _round(plan, row, inner, 1.0)


@merged
def _see(plan: Plan, layer: int, met: int) -> int:
    """Add to ``hidden`` what each token sees. Keys and values of all are kept before any is seen."""
    rows, work, share = len(plan.batch.rows), plan.work, plan.share
    qkv, out = _matrix(plan, layer, QKV), _matrix(plan, layer, OUT)
    for row in range(share.thread, rows, share.threads):
        _norm(plan, plan.weights[layer, NORM], row, row)
    met = meet(share, met)
    _multiply(plan, qkv, work.wide, 0, rows)
    met = meet(share, met)
    for row in range(share.thread, rows, share.threads):
        read = work.wide + 4 * row * qkv.outputs
        turn(plan, layer, row, read)
        remember(plan, layer, row, read)
    met = meet(share, met)
    attend(plan, layer, qkv.outputs)
    met = meet(share, met)
    for row in range(share.thread, rows, share.threads):
        _round(plan, row, out.inputs, 1.0)
    met = meet(share, met)
    _multiply(plan, out, work.hidden, 1, rows)
    return meet(share, met)


@merged
def _think(plan: Plan, layer: int, met: int) -> int:
    """Add to ``hidden`` what the feed-forward makes of it."""
    rows, work, share = len(plan.batch.rows), plan.work, plan.share
    gates, down = _matrix(plan, layer, GATES), _matrix(plan, layer, DOWN)
    for row in range(share.thread, rows, share.threads):
        _norm(plan, plan.weights[layer, AFTER], row, row)
    met = meet(share, met)
    _multiply(plan, gates, work.wide, 0, rows)
    met = meet(share, met)
    for row in range(share.thread, rows, share.threads):
        _gate(plan, row, gates.outputs)
    met = meet(share, met)
    _multiply(plan, down, work.hidden, 1, rows)
    return meet(share, met)


def _forward_of(sources: int) -> Callable[[Plan], int]:
    """Return the step; ``sources`` is part of it, and so of the name under which numba keeps it compiled.

    By itself numba looks only whether this file has changed.
    """

    def forward(plan: Plan) -> int:
        sizes, work, share, wanted = plan.sizes, plan.work, plan.share, plan.batch.wanted
        rows, met = plan.batch.rows, 1
        head, embedding = _matrix(plan, sizes.layers, HEAD), _matrix(plan, sizes.layers, EMBEDDING)
        for row in range(share.thread, len(rows), share.threads):
            hidden = work.hidden + 4 * row * sizes.width
            looked_up(embedding.weights, embedding.scales, rows[row, TOKEN], sizes.width, hidden)
        for layer in range(sizes.layers):
            met = _see(plan, layer, met)
            met = _think(plan, layer, met)
        for row in range(share.thread, len(wanted), share.threads):
            _norm(plan, plan.weights[sizes.layers, NORM], wanted[row], row)
        meet(share, met)
        _multiply(plan, head, work.logits, 0, len(wanted))
        return sources

    return forward


@cache
def compiled_step() -> Callable[[Plan], int]:
    """Return the step for a thread, compiled; the first time on a machine that takes some seconds."""
    digest = sha256(b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py"))))
    return entry(_forward_of(int.from_bytes(digest.digest()[:7], "big")), plan_kind())
