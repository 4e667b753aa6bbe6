"""The order of examples: settled by the seed alone, the same for any number of workers, known at any step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def shuffled(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the numbers below ``count`` in the order of an epoch; kept for a while, so do not write into it."""
    return _shuffled(count, seed, epoch)


@lru_cache(maxsize=4)
def _shuffled(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    import numpy as np

    order = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, epoch)))).permutation(count)
    order.flags.writeable = False
    return order


def examples(count: int, per_step: int, *, seed: int, step: int) -> Sequence[int]:
    """Return which of ``count`` examples step ``step`` reads: each once before any comes again.

    A step may end one epoch and begin the next. Raises `ValueError` if there are none.
    """
    if count < 1 or per_step < 1:
        raise ValueError(f"{per_step!r} of {count!r} examples a step: both must be at least 1")
    places = range(step * per_step, (step + 1) * per_step)
    return [int(shuffled(count, seed, place // count)[place % count]) for place in places]
