"""A deadline for making the answer."""

from __future__ import annotations

from ..actions import Emit
from ..clock import Clock
from ..eager import within
from ..turns import Handler, Stage, Turn


def deadline(seconds: float, *, clock: Clock) -> Stage:
    """Raise `TimeoutError` if the inner handler takes longer than ``seconds``."""

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            try:
                await within(clock, seconds, inner(turn, emit))
            except TimeoutError:
                turn.trace.note("budget", "deadline", seconds=seconds)
                raise

        return handle

    return stage
