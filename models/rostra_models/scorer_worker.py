"""The process a reward model lives in: ``python -m rostra_models.scorer_worker``, spoken to over pipes.

It scores one request after the other. A second thread listens meanwhile: it takes further requests, drops those that
nobody waits for, and ends the process at once when the pipe closes, because then the parent is gone.
"""

from __future__ import annotations

import faulthandler
import math
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from rostra.errors import ModelError

from .scorer_engine import RewardEngine, load
from .scorer_wire import Broken, Drop, Load, Ready, Refused, Report, Score, Scores, encode, order


class Inbox:
    """What the parent said and is not done yet."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._dropped: set[int] = set()
        self._waiting: set[int] = set()
        self._orders: queue.SimpleQueue[Load | Score] = queue.SimpleQueue()

    def listen(self) -> None:
        """Take orders until the parent closes the pipe or dies."""
        for line in self._source:
            match order(line):
                case Drop(id=number):
                    if number in self._waiting:
                        self._dropped.add(number)
                case Score(id=number) as said:
                    self._waiting.add(number)
                    self._orders.put(said)
                case Load() as said:
                    self._orders.put(said)

    def next(self) -> Load | Score:
        """Wait for an order."""
        return self._orders.get()

    def dropped(self, number: int) -> bool:
        return number in self._dropped

    def done(self, number: int) -> None:
        self._waiting.discard(number)
        self._dropped.discard(number)


def main() -> None:
    """Serve until the parent is gone."""
    # Whatever a library prints must not get between the reports.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    faulthandler.enable()
    inbox = Inbox(sys.stdin.buffer)

    def listen() -> None:
        try:
            inbox.listen()
        finally:
            os._exit(0)  # whatever the other thread is at: nobody hears it

    threading.Thread(target=listen, daemon=True).start()

    def say(report: Report) -> None:
        out.write(encode(report))
        out.flush()

    serve(inbox, say)
    os._exit(1)  # an orderly end would wait for the thread that listens


def serve(inbox: Inbox, say: Callable[[Report], None]) -> None:
    """Load the model, then score until the parent is gone; return early if it cannot be loaded."""
    first = inbox.next()
    if not isinstance(first, Load):
        return
    started = time.monotonic()
    os.nice(first.nice)
    try:
        engine = load(first)
    except Exception as error:  # noqa: BLE001  transformers raises anything for what is wrong with a folder
        kind = "" if isinstance(error, ModelError) else f"{type(error).__name__}: "
        say(Broken(why=kind + " ".join(str(error).split())))
        return
    say(Ready(seconds=time.monotonic() - started))
    while True:
        asked = inbox.next()
        if isinstance(asked, Score):
            if not inbox.dropped(asked.id):
                say(_scored(engine, asked, inbox))
            inbox.done(asked.id)


def _scored(engine: RewardEngine, asked: Score, inbox: Inbox) -> Report:
    try:
        scores = engine.score(asked.conversations, lambda: inbox.dropped(asked.id))
    except ModelError as error:
        return Refused(id=asked.id, why=str(error))
    except Exception as error:  # noqa: BLE001  one conversation must not take the others' scores with it
        return Refused(id=asked.id, why=_without_words(error))
    if not all(map(math.isfinite, scores)):
        return Refused(id=asked.id, why="the model gave a score that is no number")
    return Scores(id=asked.id, scores=tuple(scores))


def _without_words(error: Exception) -> str:
    """Say what happened and where. What the error says may quote the conversation."""
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return "there is not enough memory for these answers"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno} ({frame.name})"


if __name__ == "__main__":
    main()
