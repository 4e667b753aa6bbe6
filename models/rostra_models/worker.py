"""The process a local model lives in: ``python -m rostra_models.worker``, spoken to over pipes (`rostra_models.wire`).

It answers everybody at once, a token of each at a time. A second thread listens meanwhile: it takes what the parent says,
and ends the process at once when the pipe closes, because then the parent is gone.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import BinaryIO, Protocol

from rostra.errors import ModelError

from .wire import Broken, Cancel, Generate, Load, Order, Ready, Refused, Report, Text, encode, order


class Orders:
    """What the parent said and is not done yet."""

    def __init__(self, source: Iterable[bytes]) -> None:
        self._source = source
        self._said: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._load: queue.SimpleQueue[Load] = queue.SimpleQueue()

    def listen(self) -> None:
        """Take orders until the parent closes the pipe or dies."""
        for line in self._source:
            match order(line):
                case Load() as load:
                    self._load.put(load)
                case said:
                    self._said.put(said)
        self._said.put(None)

    def load(self) -> Load:
        """Wait for the first order."""
        return self._load.get()

    def taken(self, *, wait: bool) -> Iterator[Generate | Cancel | None]:
        """Yield what was said since the last time, waiting for something if need be; None: the parent is gone."""
        try:
            while True:
                yield self._said.get(block=wait)  # type: ignore[misc]  # `listen` puts nothing else there
                wait = False
        except queue.Empty:
            return


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
    """What answers: `rostra_models.generation.Answers`."""

    @property
    def open(self) -> Set[int]: ...

    def begin(self, request: Generate) -> None: ...

    def cancel(self, number: int) -> None: ...

    def step(self) -> Sequence[Text]: ...

    def clear(self) -> None: ...


def serve(orders: Orders, out: BinaryIO, load: Callable[[Load], Answering]) -> None:
    """Load the model, then answer until the parent is gone; return early if it cannot be loaded."""

    def say(report: Report) -> None:
        out.write(encode(report))

    started = time.monotonic()
    first = orders.load()
    os.nice(first.nice)
    try:
        answers = load(first)
    except Exception as error:  # noqa: BLE001  transformers raises anything for what is wrong with a folder
        say(Broken(why=f"{type(error).__name__}: {' '.join(str(error).split())}"))
        out.flush()
        return
    say(Ready(seconds=time.monotonic() - started, memory=_resident()))
    out.flush()
    while True:
        for said in orders.taken(wait=not answers.open):
            if said is None:
                return
            _take(answers, said, say)
        _step(answers, say)
        out.flush()


def _load(first: Load) -> Answering:
    from .generation import load

    return load(first)


def _take(answers: Answering, said: Generate | Cancel, say: Callable[[Report], None]) -> None:
    if isinstance(said, Cancel):
        answers.cancel(said.id)
        return
    try:
        answers.begin(said)
    except ModelError as error:
        say(Refused(id=said.id, why=str(error)))
    except Exception as error:  # noqa: BLE001  a tokenizer or a template must not take the others' answers with it
        say(Refused(id=said.id, why=_without_words(error)))


def _step(answers: Answering, say: Callable[[Report], None]) -> None:
    try:
        for text in answers.step():
            say(text)
    except Exception as error:  # noqa: BLE001  the next questions may well be answered
        for number in answers.open:
            say(Refused(id=number, why=_without_words(error)))
        answers.clear()


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
