"""Products of rows of 16-bit integers with a matrix of 8-bit weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .lanes import separate
from .native import LANES, compiled, wide
from .tile import FEW, integers

OUTPUTS = 64
"""Inputs and outputs of matrices are padded to a multiple of so many."""

MOST_ROWS = 8 if wide() else FEW
"""Rows are multiplied 1, `FEW` or so many at a time; behind the last ones must be room to make that even."""


class Matrix(NamedTuple):
    """Addresses of packed weights ``[outputs / 16, inputs / 2, 16, 2]`` in 8 bits, of scales and biases ``[outputs]``."""

    weights: int
    scales: int
    bias: int
    inputs: int
    outputs: int


class Product(NamedTuple):
    """Addresses of ``x`` ``[rows, inputs]`` in 16 bits, of what a 1 in each row is worth, and of ``out`` ``[rows, outputs]``.

    ``keep``: 1 to add to what is there, else 0.
    """

    x: int
    units: int
    out: int
    keep: int


def _tiled(rows: int, columns: int) -> Callable[[Matrix, Product, int, int, int], None]:
    multiply, step = integers(rows, columns), LANES * columns

    @compiled
    def run(matrix: Matrix, product: Product, row: int, start: int, end: int) -> None:
        separate()
        inputs = matrix.inputs
        x, unit = product.x + 2 * row * inputs, product.units + 4 * row
        out = product.out + 4 * row * matrix.outputs
        for at in range(start, end, step):
            multiply(
                x,
                2 * inputs,
                matrix.weights + at * inputs,
                LANES * inputs,
                inputs // 2,
                unit,
                matrix.scales + 4 * at,
                matrix.bias + 4 * at,
                out + 4 * at,
                4 * matrix.outputs,
                product.keep,
            )

    return run


# As many columns as keep all sums in registers, of which AVX-512 has 32 and AVX2 16 of half the size.
_one, _some, _many = _tiled(1, 4), _tiled(FEW, 4 if wide() else 1), _tiled(MOST_ROWS, 2 if wide() else 1)


@compiled
def multiplied(matrix: Matrix, product: Product, rows: int, start: int, end: int) -> None:
    """Multiply rows with the outputs from ``start`` to ``end``, multiples of `OUTPUTS`.

    All weights for some rows, then for the next: those rows stay in the nearest cache, and weights come in order.
    """
    row = 0
    while row < rows:
        if rows - row == 1:
            _one(matrix, product, row, start, end)
            row += 1
        elif rows - row <= FEW:
            _some(matrix, product, row, start, end)
            row += FEW
        else:
            _many(matrix, product, row, start, end)
            row += MOST_ROWS
