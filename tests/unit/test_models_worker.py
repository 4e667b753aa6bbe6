"""The process of a local model, run in a thread with pipes and an engine that needs no torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import pytest

from rostra.chat import Sampling, Utterance
from rostra.errors import ModelError
from rostra_models.wire import (
    Broken,
    Cancel,
    Generate,
    Load,
    Order,
    Ready,
    Refused,
    Report,
    Text,
    encode,
    report,
)
from rostra_models.worker import Orders, serve

LOAD = Load(folder="x", dtype="float32", threads=1, window=64, nice=0)


@dataclass
class Engine:
    """Says the words of the question, and ``waits`` for the test before each but the first."""

    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    served: list[int] = field(default_factory=list[int])
    stopped: Callable[[], bool] = lambda: False

    def answer(self, request: Generate, stopped: Callable[[], bool]) -> Iterable[Text]:
        self.served.append(request.id)
        self.stopped = stopped
        words = request.messages[-1].text.split()
        if words == ["refuse"]:
            raise ModelError("too long")
        if words[0] == "fail":
            raise ValueError(f"cannot take {words[1]!r}")
        if words == ["exhaust"]:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")
        for word in words:
            if stopped():
                return
            yield Text(id=request.id, text=word)
            if words[0] == "slowly":
                self.go.acquire()
        yield Text(id=request.id, text="", finish="stop")

    def until_stopped(self) -> None:
        """Return once the order to stop has been read, which is another thread's doing."""
        while not self.stopped():
            os.sched_yield()


@dataclass
class Parent:
    """The other end of the pipes."""

    orders: BinaryIO
    reports: BinaryIO

    def say(self, order: Order) -> None:
        self.orders.write(encode(order))
        self.orders.flush()

    def ask(self, number: int, text: str) -> None:
        self.say(Generate(id=number, messages=(Utterance(role="user", text=text),), sampling=Sampling()))

    def hear(self) -> Report:
        return report(self.reports.readline())

    def until_finished(self, number: int) -> Iterator[Text]:
        while True:
            heard = self.hear()
            assert isinstance(heard, Text)
            assert heard.id == number
            yield heard
            if heard.finish:
                return


def nothing_loads(_: Load) -> Engine:
    raise OSError("no file named\nmodel.safetensors")


@contextmanager
def running(load: Callable[[Load], Engine]) -> Generator[Parent]:
    """Run the two threads of a worker; leaving the block is the parent's death."""
    order_end, order_start = os.pipe()
    report_end, report_start = os.pipe()
    with (
        os.fdopen(order_end, "rb") as source,
        os.fdopen(report_start, "wb") as out,
        os.fdopen(report_end, "rb") as reports,
        os.fdopen(order_start, "wb") as sink,
    ):
        orders = Orders(source)
        threads = [
            threading.Thread(target=orders.listen),
            threading.Thread(target=serve, args=(orders, out, load)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield Parent(sink, reports)
        finally:
            sink.close()
            for thread in threads:
                thread.join(timeout=10)
            assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def parent(engine: Engine) -> Generator[Parent]:
    with running(lambda _: engine) as started:
        started.say(LOAD)
        assert isinstance(started.hear(), Ready)
        yield started


def test_questions_are_answered_in_the_order_they_came(parent: Parent, engine: Engine) -> None:
    for number in (1, 2, 3):
        parent.ask(number, "one two")
    for number in (1, 2, 3):
        assert [text.text for text in parent.until_finished(number)] == ["one", "two", ""]
    assert engine.served == [1, 2, 3]


def test_a_question_that_nobody_waits_for_is_never_begun(parent: Parent, engine: Engine) -> None:
    parent.ask(1, "slowly now")
    parent.hear()
    parent.ask(2, "unwanted")
    parent.say(Cancel(id=2))
    parent.ask(3, "wanted")
    parent.say(Cancel(id=1))
    engine.until_stopped()  # so all that was said before has been read too
    engine.go.release()
    assert [text.text for text in parent.until_finished(3)] == ["wanted", ""]
    assert engine.served == [1, 3]


def test_cancelling_stops_an_answer_before_its_next_piece(parent: Parent, engine: Engine) -> None:
    parent.ask(1, "slowly two three four")
    assert parent.hear() == Text(id=1, text="slowly")
    parent.say(Cancel(id=1))
    parent.ask(2, "next")
    engine.until_stopped()
    engine.go.release()
    assert parent.hear() == Text(id=2, text="next")


def test_cancelling_what_is_finished_does_nothing(parent: Parent) -> None:
    parent.ask(1, "one")
    list(parent.until_finished(1))
    parent.say(Cancel(id=1))
    parent.say(Cancel(id=77))
    parent.ask(2, "two")
    assert [text.text for text in parent.until_finished(2)] == ["two", ""]


def test_a_refusal_says_why(parent: Parent) -> None:
    parent.ask(1, "refuse")
    assert parent.hear() == Refused(id=1, why="too long")


def test_an_error_says_where_it_happened_and_quotes_nobody(parent: Parent) -> None:
    parent.ask(1, "fail secret")
    heard = parent.hear()
    assert isinstance(heard, Refused)
    assert heard.why.startswith("ValueError in test_models_worker.py:")
    assert "secret" not in heard.why


def test_after_an_error_the_next_question_is_answered(parent: Parent) -> None:
    parent.ask(1, "fail now")
    parent.ask(2, "fine")
    parent.hear()
    assert [text.text for text in parent.until_finished(2)] == ["fine", ""]


def test_too_little_memory_for_a_conversation_is_said_plainly(parent: Parent) -> None:
    parent.ask(1, "exhaust")
    assert parent.hear() == Refused(id=1, why="there is not enough memory for this conversation")


def test_a_model_that_cannot_be_loaded_is_reported_in_one_line() -> None:
    with running(nothing_loads) as parent:
        parent.say(LOAD)
        assert parent.hear() == Broken(why="OSError: no file named model.safetensors")
