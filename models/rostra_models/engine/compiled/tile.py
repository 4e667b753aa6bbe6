"""Sums of products with lanes, for a tile of results that are kept in registers: LLVM's instructions for the inner loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .native import (
    ADDRESS,
    BYTE,
    FLOAT,
    FLOATS,
    HALF,
    INT,
    INTS,
    LANES,
    LONG,
    NOTHING,
    SHORT,
    features,
    fused,
    ir,
    known,
    loaded,
    operation,
    part,
    several,
    spread,
    stored,
    wide,
)

SHORTS = several(SHORT, 2 * LANES)

FEW = 4
"""Rows of the tiles between the largest and those of one row."""


def integers(rows: int, columns: int) -> Callable[..., None]:
    """Return what multiplies some rows of 16-bit integers with ``16 x columns`` outputs of 8-bit weights.

    ::

        out[r, n] = (sum over k of x[r, k] * weights[n, k]) * scales[n] * units[r] + bias[n] (+ out[r, n])

    It takes addresses and numbers of bytes: ``x`` and from row to row; ``weights``, ``[columns, pairs, 16, 2]``, from
    column to column, and how many pairs; ``units``, ``scales``, ``bias``; ``out``, from row to row; and whether the sum is added to
    what is there.
    """

    @operation(NOTHING, *[ADDRESS] * 11)
    def multiply(b: Any, *given: Any) -> None:
        x, x_step, weights, w_step, pairs, units, scales, bias, out, out_step, keep = given
        inputs = [b.add(x, b.mul(x_step, LONG(row))) for row in range(rows)]
        outputs = [b.add(weights, b.mul(w_step, LONG(column))) for column in range(columns)]

        def products(at: Any, sums: Sequence[Any]) -> list[Any]:
            bytes_ = (b.add(output, b.mul(at, LONG(2 * LANES))) for output in outputs)
            right = [b.sext(loaded(b, one, several(BYTE, 2 * LANES), 1), SHORTS) for one in bytes_]
            twos = (loaded(b, b.add(one, b.mul(at, LONG(4))), INT, 4) for one in inputs)
            left = [b.bitcast(spread(b, two), SHORTS) for two in twos]
            pairs = ((one, other) for one in left for other in right)
            return [_added(b, sum_, *pair) for sum_, pair in zip(sums, pairs, strict=True)]

        sums = _looped(b, pairs, [ir.Constant(INTS, [0] * LANES)] * (rows * columns), products)
        again = b.icmp_signed("!=", keep, LONG(0))
        for number, sum_ in enumerate(sums):
            row, column = divmod(number, columns)
            offset = LONG(4 * LANES * column)
            scale, more = (loaded(b, b.add(one, offset), FLOATS, 4) for one in (scales, bias))
            unit = spread(b, loaded(b, b.add(units, LONG(4 * row)), FLOAT, 4))
            to = b.add(b.add(out, b.mul(out_step, LONG(row))), offset)
            before = b.select(again, loaded(b, to, FLOATS, 4), ir.Constant(FLOATS, [0.0] * LANES))
            scaled = fused(b, b.fmul(b.sitofp(sum_, FLOATS), scale), unit, more)
            stored(b, to, b.fadd(scaled, before), 4)

    return multiply


def halves(rows: int, columns: int) -> Callable[..., None]:
    """Return what sums up ``16 x columns`` 16-bit floating-point numbers, weighed by each of some rows.

    ::

        out[r, n] = (out[r, n] +) sum over k of x[r, k] * numbers[k, n]

    It takes addresses and numbers of bytes: ``x`` and from row to row; ``numbers``, from each 16 to the next, from ``k``
    to ``k``, and how many; ``out``, from row to row; and whether the sum begins with what is there. The order of the sum
    is that of ``k``, whatever the tile.
    """

    @operation(NOTHING, *[ADDRESS] * 9)
    def weigh(b: Any, *given: Any) -> None:
        x, x_step, numbers, column_step, step, count, out, out_step, keep = given
        weights = [b.add(x, b.mul(x_step, LONG(row))) for row in range(rows)]
        starts = [b.add(numbers, b.mul(column_step, LONG(column))) for column in range(columns)]
        rows_out = [b.add(out, b.mul(out_step, LONG(row))) for row in range(rows)]
        places = [b.add(to, LONG(4 * LANES * column)) for to in rows_out for column in range(columns)]
        again = b.icmp_signed("!=", keep, LONG(0))
        nothing = ir.Constant(FLOATS, [0.0] * LANES)

        def products(at: Any, sums: Sequence[Any]) -> list[Any]:
            found = (loaded(b, b.add(one, b.mul(at, step)), several(HALF), 2) for one in starts)
            right = [b.fpext(one, FLOATS) for one in found]
            left = [spread(b, loaded(b, b.add(one, b.mul(at, LONG(4))), FLOAT, 4)) for one in weights]
            pairs = ((one, other) for one in left for other in right)
            return [fused(b, *pair, sum_) for pair, sum_ in zip(pairs, sums, strict=True)]

        begun = [b.select(again, loaded(b, place, FLOATS, 4), nothing) for place in places]
        for place, sum_ in zip(places, _looped(b, count, begun, products), strict=True):
            stored(b, place, sum_, 4)

    return weigh


def _looped(
    builder: Any, count: Any, start: Sequence[Any], body: Callable[[Any, Sequence[Any]], Sequence[Any]]
) -> Sequence[Any]:
    """Write a loop that runs ``count`` times, at least once, and carries values along: from ``start`` through ``body``."""
    before, block = builder.block, builder.append_basic_block("sum")
    builder.branch(block)
    builder.position_at_end(block)
    at, *sums = [builder.phi(kind) for kind in (LONG, *(value.type for value in start))]
    found = body(at, sums)
    following, after = builder.add(at, LONG(1)), builder.append_basic_block("summed")
    for phi, first, new in zip((at, *sums), (LONG(0), *start), (following, *found), strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(new, block)
    builder.cbranch(builder.icmp_signed("<", following, count), block, after)
    builder.position_at_end(after)
    return found


def _added(builder: Any, sums: Any, one: Any, other: Any) -> Any:
    """Multiply 32 integers of 16 bits, and add the products of each two neighbours to a sum."""
    if "avx512vnni" in features():
        # Spelt out: LLVM takes the instruction apart again where it believes that to be faster, which costs a third.
        add = ir.InlineAsm(ir.FunctionType(INTS, [SHORTS, SHORTS, INTS]), "vpdpwssd $2, $1, $0", "=v,v,v,0")
        return builder.call(add, [one, other, sums])
    if wide():
        return builder.add(sums, known(builder, "llvm.x86.avx512.pmaddw.d.512", INTS, one, other))
    low, high = (
        known(
            builder,
            "llvm.x86.avx2.pmadd.wd",
            several(INT, LANES // 2),
            part(builder, one, at, LANES),
            part(builder, other, at, LANES),
        )
        for at in (0, LANES)
    )
    return builder.add(sums, builder.shuffle_vector(low, high, ir.Constant(INTS, list(range(LANES)))))
