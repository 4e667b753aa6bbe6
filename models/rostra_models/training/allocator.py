"""Memory that a step frees and the next one takes again: kept by the process instead of going to the system and back."""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

_TRIM, _MMAP = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's ``malloc.h`` (mallopt(3))."""

_LARGEST = 32 * 2**20
"""Bytes: where glibc's own rule moves the first one at most, and half of what it makes of the second."""

_NEVER = 2**31 - 1


@contextmanager
def kept_memory() -> Generator[None]:
    """Have large buffers come from the process's own heap meanwhile; give what is free back to the system at the end.

    glibc maps each buffer of more than 32 MB anew, and the system clears it page by page: a step over 2,048 tokens took
    25,000 page faults so, three to eight hundredths of its time. Other C libraries are left alone.
    """
    library: Any = ctypes.CDLL(None)
    known = all(hasattr(library, name) for name in ("mallopt", "malloc_trim"))
    if known:
        library.mallopt(_MMAP, _NEVER)
        library.mallopt(_TRIM, _NEVER)
    try:
        yield
    finally:
        if known:
            library.mallopt(_MMAP, _LARGEST)
            library.mallopt(_TRIM, 2 * _LARGEST)
            library.malloc_trim(0)
