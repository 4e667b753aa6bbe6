"""Group commit: whatever is to be written at one time goes to disk in one transaction.

A commit waits for the disk, and the disk takes about as long for one row as for a thousand. So one writer takes
everything that was put down since its last commit, and everybody waits for the commit that carries their write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog

from ..errors import StoreError
from .failures import Unavailable

log = structlog.get_logger(__name__)

Transact: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
"""Carry out all of these in one transaction and return a result for each. Runs in the writer's thread.

Raises `Unavailable` where the same may succeed later, anything else where it is the fault of one of them;
either way nothing happened.
"""

LARGEST_BATCH = 1000
MOST_KEPT = 10_000
"""Writes nobody waits for that are kept while the database is out of order."""

GIVEN_UP = object()
"""The result of a write that nobody waits for and that could not be carried out."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to write. Somebody waits for ``result``, or, if it is ``kept``, nobody does."""

    work: Any
    result: asyncio.Future[Any]
    kept: bool = False


class Writer:
    """The queue in front of one database. `run` must be running for anything to be written."""

    def __init__(self, thread: Executor, transact: Transact) -> None:
        self._thread = thread
        self._transact = transact
        self._queue: deque[Job] = deque()
        self._kept = 0
        self._wanted = asyncio.Event()
        self._closing = False

    async def write(self, work: Any) -> Any:
        """Return the result of ``work`` once it is on disk.

        Raises `StoreError`: then nothing was written, unless a server got lost while it committed. A caller that is
        cancelled leaves its work in the queue: it may be carried out or not.
        """
        if self._closing:
            raise StoreError("the store is closed")
        job = Job(work, asyncio.get_running_loop().create_future())
        self._queue.append(job)
        self._wanted.set()
        return await job.result

    def put(self, work: Any) -> asyncio.Future[Any]:
        """Write ``work`` no later than what is written next. The future has its result then, or `GIVEN_UP`."""
        if self._closing:
            raise StoreError("the store is closed")
        job = Job(work, asyncio.get_running_loop().create_future(), kept=True)
        self._queue.append(job)
        self._kept += 1
        if self._kept >= LARGEST_BATCH:
            self._wanted.set()
        return job.result

    async def run(self) -> None:
        """Write until `close` is called and the queue is empty."""
        try:
            while self._queue or not self._closing:
                if not self._closing:
                    await self._wanted.wait()
                # Whoever is ready to run now may have something for the same commit.
                await asyncio.sleep(0)
                self._wanted.clear()
                await self._round()
        finally:
            self._closing = True
            self._abandon(self._queue)

    def close(self) -> None:
        """Take nothing more; `run` returns when it has tried to write what is queued."""
        self._closing = True
        self._wanted.set()

    async def _round(self) -> None:
        """Write what is queued now, batch by batch."""
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_BATCH))]
            self._kept -= sum(job.kept for job in batch)
            left = await self._commit(batch)
            if left:
                self._put_back(left)
                return

    async def _commit(self, batch: Sequence[Job]) -> Sequence[Job]:
        """Write ``batch`` and tell its waiters. Return what is to be tried again later."""
        loop = asyncio.get_running_loop()
        try:
            work = [job.work for job in batch]
            results = await loop.run_in_executor(self._thread, self._transact, work)
        except asyncio.CancelledError:
            self._abandon(batch)
            raise
        except Unavailable as error:
            return self._refuse(batch, error)
        except Exception as error:  # noqa: BLE001  one write that breaks, even by a bug of ours, must not end the others
            if len(batch) == 1:
                self._fail(batch[0], error)
                return []
            return await self._commit_singly(batch)
        for job, result in zip(batch, results, strict=True):
            if not job.result.done():
                job.result.set_result(result)
        return []

    async def _commit_singly(self, batch: Sequence[Job]) -> Sequence[Job]:
        left: list[Job] = []
        for job in batch:
            left.extend(await self._commit([job]))
        return left

    def _refuse(self, batch: Iterable[Job], error: Unavailable) -> Sequence[Job]:
        for job in batch:
            if not job.kept and not job.result.done():
                job.result.set_exception(Unavailable(str(error)))
        return [job for job in batch if job.kept]

    def _fail(self, job: Job, error: Exception) -> None:
        if job.kept:
            # Nobody waits, so somebody should read of it; not the error's own words, which may quote data.
            log.error("write given up", work=type(job.work).__name__, error=type(error).__name__)
        if job.result.done():
            return
        if job.kept:
            job.result.set_result(GIVEN_UP)
        elif isinstance(error, StoreError):
            job.result.set_exception(error)
        else:
            refusal = StoreError(f"this cannot be written: {type(error).__name__}")
            refusal.__cause__ = error
            job.result.set_exception(refusal)

    def _put_back(self, jobs: Sequence[Job]) -> None:
        if self._closing:
            log.error("writes lost", writes=len(jobs))
            self._abandon(jobs)
            return
        self._queue.extendleft(reversed(jobs))
        self._kept += len(jobs)
        while self._kept > MOST_KEPT:
            oldest = next(job for job in self._queue if job.kept)
            self._queue.remove(oldest)
            self._kept -= 1
            self._fail(oldest, StoreError("too much is waiting to be written"))

    def _abandon(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            if job.result.done():
                continue
            if job.kept:
                job.result.set_result(GIVEN_UP)
            else:
                job.result.set_exception(StoreError("the store is closed"))
