"""The whole step of a model of the Llama family in machine code: 8-bit weights, 16-bit inputs, exact sums.

numba compiles it when the first model is made, once a machine (`native`). Nothing here is imported where it does not
work.
"""

from __future__ import annotations


def works() -> bool:
    """Return whether numba is here and this processor has what it takes: x86-64 with AVX2 or AVX-512."""
    try:
        from .native import features
    except ImportError:  # numba is not installed, or not made for this Python or numpy
        return False
    return {"avx2", "fma", "f16c"} <= features()
