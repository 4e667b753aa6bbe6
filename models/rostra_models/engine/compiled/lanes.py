"""What compiled functions do with lanes and memory beside adding and multiplying, one instruction or a few each."""

from __future__ import annotations

from collections.abc import Callable
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
    LANES_KIND,
    LONG,
    NOTHING,
    NUMBER,
    SHORT,
    fused,
    ir,
    known,
    loaded,
    operation,
    part,
    several,
    spread,
    stored,
)


@operation(LANES_KIND, ADDRESS)
def load(builder: Any, address: Any) -> Any:
    """Read 16 numbers."""
    return loaded(builder, address, FLOATS, 4)


@operation(NUMBER, ADDRESS)
def load_one(builder: Any, address: Any) -> Any:
    """Read one."""
    return loaded(builder, address, FLOAT, 4)


@operation(LANES_KIND, ADDRESS, ADDRESS)
def load_pairs(builder: Any, address: Any, step: Any) -> Any:
    """Read integers of 8 bits in pairs, ``step`` bytes from one another."""
    found = ir.Constant(several(BYTE), ir.Undefined)
    for lane in range(LANES):
        at = builder.add(address, builder.mul(step, LONG(lane // 2)))
        value = loaded(builder, builder.add(at, LONG(lane % 2)), BYTE, 1)
        found = builder.insert_element(found, value, INT(lane))
    return builder.sitofp(found, FLOATS)


@operation(NOTHING, ADDRESS, LANES_KIND)
def store(builder: Any, address: Any, value: Any) -> None:
    """Write 16 numbers."""
    stored(builder, address, value, 4)


@operation(NOTHING, ADDRESS, NUMBER)
def store_one(builder: Any, address: Any, value: Any) -> None:
    """Write one."""
    stored(builder, address, value, 4)


@operation(NOTHING, ADDRESS, LANES_KIND)
def store_integers(builder: Any, address: Any, value: Any) -> None:
    """Write whole numbers as integers of 16 bits."""
    stored(builder, address, builder.trunc(builder.fptosi(value, INTS), several(SHORT)), 2)


@operation(NOTHING, ADDRESS, LANES_KIND)
def store_halves(builder: Any, address: Any, value: Any) -> None:
    """Write the nearest numbers of 16 bits."""
    stored(builder, address, builder.fptrunc(value, several(HALF)), 2)


@operation(NOTHING, ADDRESS, LANES_KIND, ADDRESS)
def store_halves_apart(builder: Any, address: Any, value: Any, step: Any) -> None:
    """Write the nearest numbers of 16 bits ``step`` bytes from one another."""
    rounded = builder.fptrunc(value, several(HALF))
    for lane in range(LANES):
        at = builder.add(address, builder.mul(step, LONG(lane)))
        stored(builder, at, builder.extract_element(rounded, INT(lane)), 2)


@operation(LANES_KIND, NUMBER)
def splat(builder: Any, value: Any) -> Any:
    """Return lanes that all have the value."""
    return spread(builder, value)


@operation(LANES_KIND, LANES_KIND, LANES_KIND, LANES_KIND)
def fma(builder: Any, one: Any, other: Any, more: Any) -> Any:
    """Return ``one * other + more``, rounded once."""
    return fused(builder, one, other, more)


@operation(LANES_KIND, LANES_KIND)
def size(builder: Any, value: Any) -> Any:
    """Take signs away."""
    return known(builder, "llvm.fabs.v16f32", FLOATS, value)


@operation(LANES_KIND, LANES_KIND)
def whole(builder: Any, value: Any) -> Any:
    """Round to whole numbers, halves to even ones."""
    return known(builder, "llvm.rint.v16f32", FLOATS, value)


@operation(LANES_KIND, LANES_KIND)
def power(builder: Any, value: Any) -> Any:
    """Return 2 to the power of whole numbers from -126 to 127: the exponents of floating-point numbers."""
    exponent = builder.add(builder.fptosi(value, INTS), ir.Constant(INTS, [127] * LANES))
    return builder.bitcast(builder.shl(exponent, ir.Constant(INTS, [23] * LANES)), FLOATS)


@operation(LANES_KIND, LANES_KIND, ADDRESS, NUMBER)
def first(builder: Any, value: Any, count: Any, other: Any) -> Any:
    """Keep the first ``count`` lanes; the rest are ``other``."""
    lanes = ir.Constant(INTS, list(range(LANES)))
    kept = builder.icmp_signed("<", lanes, spread(builder, builder.trunc(count, INT)))
    return builder.select(kept, value, spread(builder, other))


def _more(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", one, other), one, other)


@operation(LANES_KIND, LANES_KIND, LANES_KIND)
def larger(builder: Any, one: Any, other: Any) -> Any:
    """Return the larger of each two; the other one where one is no number."""
    return _more(builder, one, other)


@operation(LANES_KIND, LANES_KIND, LANES_KIND)
def smaller(builder: Any, one: Any, other: Any) -> Any:
    """Return the smaller of each two; the other one where one is no number."""
    return builder.select(builder.fcmp_ordered("<", one, other), one, other)


@operation(NUMBER, LANES_KIND)
def largest(builder: Any, value: Any) -> Any:
    """Return the largest."""
    return _joined(builder, value, lambda one, other: _more(builder, one, other))


@operation(NUMBER, LANES_KIND)
def total(builder: Any, value: Any) -> Any:
    """Return the sum: of the halves, and so on."""
    return _joined(builder, value, builder.fadd)


def _joined(builder: Any, value: Any, join: Callable[[Any, Any], Any]) -> Any:
    """Join the upper half of the lanes to the lower one until one is left."""
    count = LANES // 2
    while count:
        value = join(part(builder, value, 0, count), part(builder, value, count, count))
        count //= 2
    return builder.extract_element(value, INT(0))


@operation(NOTHING)
def separate(builder: Any) -> None:
    """Keep the function that this stands in from being merged into its callers: so its loops have all registers."""
    builder.function.attributes.add("noinline")
