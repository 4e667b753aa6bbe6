"""Leaves out steps whose loss is no number or jumps, and ends a run in which that goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .errors import Diverged

_MEMORY = 0.98
_USUAL = 20
"""Steps that are needed to know what loss is usual."""


class Guard:
    """Knows the usual loss of a run: a running mean over about fifty steps."""

    def __init__(self, factor: float, bad_steps: int) -> None:
        """Call a loss of ``factor`` times the usual one a spike, none if 0; bear ``bad_steps`` in a row."""
        self._factor = factor
        self._borne = bad_steps
        self._usual = 0.0
        self._seen = 0
        self._bad = 0

    def takes(self, step: int, loss: float, norm: float) -> bool:
        """Say whether a step should be taken. Raises `Diverged` if too many in a row should not."""
        sound = math.isfinite(loss) and math.isfinite(norm)
        usual = self._usual / (1 - _MEMORY**self._seen) if self._seen else 0.0
        spike = self._factor > 0 and self._seen >= _USUAL and loss > self._factor * usual
        if sound and not spike:
            self._usual = _MEMORY * self._usual + (1 - _MEMORY) * loss
            self._seen += 1
            self._bad = 0
            return True
        self._bad += 1
        if self._bad > self._borne:
            what = (
                f"is {loss!r} with a gradient of {norm!r}"
                if not sound
                else f"is {loss:.3f}, usual is {usual:.3f}"
            )
            raise Diverged(
                f"the loss {what} at step {step}, after {self._bad - 1} steps that were left out: go on from a"
                " checkpoint with a lower learning rate, a longer warm-up or precision 'float32'"
            )
        return False

    def state(self) -> Mapping[str, float]:
        """Return what is known, for a checkpoint."""
        return {"usual": self._usual, "seen": self._seen, "bad": self._bad}

    def restore(self, state: Mapping[str, float]) -> None:
        """Take back what `state` gave."""
        self._usual, self._seen, self._bad = state["usual"], int(state["seen"]), int(state["bad"])
