"""Threads that compute one step together."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .meeting import Share


class Crew:
    """So many threads, one of which is whoever calls."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._meeting = np.zeros(1, dtype=np.int64)
        self._others = ThreadPoolExecutor(count - 1, "rostra-step") if count > 1 else None

    def run(self, task: Callable[[Share], object]) -> None:
        """Call ``task`` with each thread's share. It may not raise: the others would wait for it for ever."""
        self._meeting[0] = 0
        shares = [Share(index, self.count, self._meeting.ctypes.data) for index in range(self.count)]
        if self._others is None:
            task(shares[0])
            return
        others = [self._others.submit(task, share) for share in shares[1:]]
        task(shares[0])
        for other in others:
            other.result()
