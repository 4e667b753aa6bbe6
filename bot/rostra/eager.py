"""Work that is begun at once, on the spot: what it would need in order to wait is only made if it does wait.

Most stages have nothing to wait for most of the time. A timer or a task for each of them costs more than what they do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, Generic, TypeVar, cast

from .clock import Clock

T = TypeVar("T")


class Begun(Generic[T]):
    """Work that has run up to where it first waits, or to its end. What it raises until then is raised here.

    One that is not ``over`` has to be awaited by `rest`, at once: it stands before an event that somebody must hear.
    """

    __slots__ = ("_first", "_result", "_work", "over")

    def __init__(self, work: Awaitable[T]) -> None:
        own = isinstance(work, CoroutineType)
        self._work = cast("Coroutine[Any, Any, T]", work) if own else _awaited(work)
        self._result: T | None = None
        try:
            self._first: object = self._work.send(None)
        except StopIteration as end:
            self.over = True
            self._result = end.value
        else:
            self.over = False

    @property
    def result(self) -> T:
        """What it returned, once it is over."""
        return cast("T", self._result)

    async def rest(self) -> T:
        """Wait for the rest of it and return its result."""
        return self._result if self.over else await _going_on(self._work, self._first)  # type: ignore[return-value]  # over: it is a T


@coroutine
def _going_on(work: Coroutine[Any, Any, T], first: object) -> Generator[Any, Any, T]:
    """Wait for ``first``, which ``work`` waits for, and then be ``work``."""
    while True:
        try:
            yield first
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001  a cancellation, say: it is the work's, which may wait again
            try:
                first = work.throw(error)
            except StopIteration as end:
                return cast("T", end.value)
        else:
            rest = cast("Generator[Any, Any, T]", work)  # which the decorator lets a coroutine stand for
            return (yield from rest)


async def _awaited(work: Awaitable[T]) -> T:
    return await work


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """Return what ``work`` returns. Raise `TimeoutError` if it has to wait, and does so for longer than ``seconds``."""
    begun = Begun(work)
    if begun.over:
        return begun.result
    async with clock.timeout(seconds):
        return await begun.rest()
