"""The process a local model lives in: ``python -m rostra_models.worker``, spoken to over pipes (`rostra_models.wire`).

It answers one request after the other, in the order they came. A second thread listens meanwhile: it takes further
requests and cancellations, and ends the process at once when the pipe closes, because then the parent is gone.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from rostra.errors import ModelError

from .wire import Broken, Cancel, Generate, Load, Ready, Refused, Report, Text, encode, order


@dataclass(slots=True)
class Job:
    """A request, and whether anybody still waits for it."""

    request: Generate
    stopped: bool = False


class Orders:
    """What the parent said and is not done yet."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._jobs: dict[int, Job] = {}
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._load: queue.SimpleQueue[Load] = queue.SimpleQueue()

    def listen(self) -> None:
        """Take orders until the parent closes the pipe or dies."""
        for line in self._source:
            self._take(line)
        self._waiting.put(None)

    def load(self) -> Load:
        """Wait for the first order."""
        return self._load.get()

    def jobs(self) -> Iterator[Job]:
        """Yield each request that somebody still wants answered, waiting for it if need be."""
        while (job := self._waiting.get()) is not None:
            if not job.stopped:
                yield job
            del self._jobs[job.request.id]

    def _take(self, line: bytes) -> None:
        match order(line):
            case Load() as load:
                self._load.put(load)
            case Generate() as request:
                job = self._jobs[request.id] = Job(request)
                self._waiting.put(job)
            case Cancel(id=number):
                if (wanted := self._jobs.get(number)) is not None:
                    wanted.stopped = True


def main() -> None:
    """Serve until the parent is gone."""
    # Whatever a library prints must not get between the reports.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    faulthandler.enable()
    orders = Orders(sys.stdin.buffer)

    def listen() -> None:
        try:
            orders.listen()
        finally:
            os._exit(0)  # whatever the other thread is at: nobody hears it

    threading.Thread(target=listen, daemon=True).start()
    serve(orders, out, _load)
    os._exit(1)  # an orderly end would wait for the thread that listens


class Answering(Protocol):
    """What answers: a `rostra_models.generation.Engine`."""

    def answer(self, request: Generate, stopped: Callable[[], bool]) -> Iterable[Text]: ...


def serve(orders: Orders, out: BinaryIO, load: Callable[[Load], Answering]) -> None:
    """Load the model, then answer until the parent is gone; return early if it cannot be loaded."""

    def say(report: Report) -> None:
        out.write(encode(report))
        out.flush()

    started = time.monotonic()
    first = orders.load()
    os.nice(first.nice)
    try:
        engine = load(first)
    except Exception as error:  # noqa: BLE001  transformers raises anything for what is wrong with a folder
        say(Broken(why=f"{type(error).__name__}: {' '.join(str(error).split())}"))
        return
    say(Ready(seconds=time.monotonic() - started, memory=_resident()))
    for job in orders.jobs():
        _answer(engine, job, say)


def _load(first: Load) -> Answering:
    from .generation import load

    return load(first)


def _answer(engine: Answering, job: Job, say: Callable[[Report], None]) -> None:
    try:
        for piece in engine.answer(job.request, lambda: job.stopped):
            say(piece)
    except ModelError as error:
        say(Refused(id=job.request.id, why=str(error)))
    except Exception as error:  # noqa: BLE001  a model must not take the others' answers with it
        say(Refused(id=job.request.id, why=_without_words(error)))


def _without_words(error: Exception) -> str:
    """Say what happened and where. What the error says may quote the conversation."""
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return "there is not enough memory for this conversation"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {os.path.basename(frame.filename)}:{frame.lineno} ({frame.name})"  # noqa: PTH119  a name


def _resident() -> int:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
