"""Puts questions that are asked at the same time into one call, and gives each its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

Answers: TypeAlias = Sequence[A | Exception]


class Batches(Generic[Q, A]):
    """Calls ``send`` with up to ``most`` questions; ``flights`` calls are under way at once, and others gather more.

    Nobody waits for a batch to fill: it goes as soon as there is room for a call, so that without load each question
    goes alone and under load they share. ``send`` gives an answer or an exception for each question, in order; what it
    raises is raised to everybody in the batch. A call whose askers have all gone is cancelled.
    """

    def __init__(
        self, send: Callable[[Sequence[Q]], Awaitable[Answers[A]]], *, most: int, flights: int
    ) -> None:
        self._send = send
        self._most = most
        self._room = asyncio.Semaphore(flights)
        self._gathering: list[tuple[Q, asyncio.Future[A]]] = []
        self._flights: set[asyncio.Task[None]] = set()
        self._closed = False

    async def ask(self, question: Q) -> A:
        """Return the answer to ``question``. Raises what ``send`` gives for it, or `RuntimeError` after `close`."""
        if self._closed:
            raise RuntimeError("this was closed; nothing can be asked any more")
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        if not self._gathering or len(self._gathering) >= self._most:
            self._start()
        self._gathering.append((question, answer))
        try:
            return await answer
        finally:
            if answer.done() and not answer.cancelled():
                answer.exception()  # it may have come in the moment that the asker was cancelled: then nobody reads it

    async def close(self) -> None:
        """Cancel what is under way and wait until it has ended; askers get `asyncio.CancelledError`."""
        self._closed = True
        flights = list(self._flights)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _start(self) -> None:
        self._gathering = []
        flight = asyncio.create_task(self._fly(self._gathering))  # awaited by `close`
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)

    async def _fly(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        flight = asyncio.current_task()
        try:
            async with self._room:
                if batch is self._gathering:
                    self._gathering = []
                batch = [(question, answer) for question, answer in batch if not answer.done()]
                waiting = {answer for _, answer in batch}
                for _, answer in batch:
                    answer.add_done_callback(lambda done: _left(waiting, done, flight))
                if batch:
                    _give(
                        [answer for _, answer in batch], await self._send([question for question, _ in batch])
                    )
        except asyncio.CancelledError:
            for _, answer in batch:
                answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001  it belongs to those who asked
            _give([answer for _, answer in batch], [error] * len(batch))


def _left(
    waiting: set[asyncio.Future[A]], answer: asyncio.Future[A], flight: asyncio.Task[None] | None
) -> None:
    """Cancel the flight once the last of those who wait for it has gone away."""
    waiting.discard(answer)
    if answer.cancelled() and not waiting and flight is not None:
        flight.cancel()


def _give(askers: Sequence[asyncio.Future[A]], answers: Answers[A]) -> None:
    if len(askers) != len(answers):  # whose each is cannot be told
        raise ValueError(f"{len(answers)} answers to {len(askers)} questions")
    for asker, answer in zip(askers, answers, strict=True):
        if asker.done():
            continue
        if isinstance(answer, Exception):
            asker.set_exception(answer)
        else:
            asker.set_result(answer)
