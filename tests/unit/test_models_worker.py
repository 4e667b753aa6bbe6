"""The process of a local model, run in a thread with pipes and an engine that needs no torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
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

LOAD = Load(folder="x", dtype="float32", threads=1, window=64, nice=0, memory=10**6, seats=4)


@dataclass
class Engine:
    """Says the words of every question side by side, and ``waits`` for the test before each step but the first."""

    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    words: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    cancelled: list[int] = field(default_factory=list[int])

    @property
    def open(self) -> frozenset[int]:
        return frozenset(self.words)

    def begin(self, request: Generate) -> None:
        words = request.messages[-1].text.split()
        if words == ["refuse"]:
            raise ModelError("too long")
        if words[0] == "untemplated":
            raise ValueError(f"cannot take {words[1]!r}")
        self.words[request.id] = words

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)
        self.words.pop(number, None)

    def clear(self) -> None:
        self.words.clear()

    def step(self) -> Sequence[Text]:
        if ["fail", "secret"] in self.words.values():
            raise ValueError("cannot take 'secret'")
        if ["exhaust"] in self.words.values():
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")
        if any(words[:1] == ["wait"] for words in self.words.values()):
            self.go.acquire()
        said: list[Text] = []
        for number, words in list(self.words.items()):
            said.append(Text(id=number, text=words.pop(0) if words else "", finish=None if words else "stop"))
            if not words:
                del self.words[number]
        return said


@dataclass
class Heard:
    """The worker's end of a pipe, which tells when the listener has dealt with a line: it then asks for the next."""

    source: BinaryIO
    lines: threading.Semaphore

    def __iter__(self) -> Iterator[bytes]:
        for line in self.source:
            yield line
            self.lines.release()


@dataclass
class Parent:
    """The other end of the pipes."""

    orders: BinaryIO
    reports: BinaryIO
    heard: threading.Semaphore

    def say(self, order: Order) -> None:
        """Give an order, and return once it waits for the engine."""
        self.orders.write(encode(order))
        self.orders.flush()
        assert self.heard.acquire(timeout=10)

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


def until(parent: Parent, number: int) -> Iterator[Text]:
    """Yield what is said to one question, and leave out what is said to others."""
    while True:
        heard = parent.hear()
        if isinstance(heard, Text) and heard.id == number:
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
        heard = threading.Semaphore(0)
        orders = Orders(Heard(source, heard))
        threads = [
            threading.Thread(target=orders.listen),
            threading.Thread(target=serve, args=(orders, out, load)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield Parent(sink, reports, heard)
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


def test_questions_are_answered_side_by_side(parent: Parent, engine: Engine) -> None:
    parent.ask(1, "wait two three")
    parent.ask(2, "one two")
    engine.go.release()
    heard = [parent.hear() for _ in range(5)]
    assert sorted(text.text for text in heard if isinstance(text, Text) and text.id == 1) == [
        "three",
        "two",
        "wait",
    ]
    order = [text.id for text in heard if isinstance(text, Text)]
    assert order != sorted(order)


def test_a_question_that_is_cancelled_is_said_no_more_to(parent: Parent, engine: Engine) -> None:
    parent.ask(1, "wait two three four")
    parent.say(Cancel(id=1))
    parent.ask(2, "next")
    engine.go.release()
    assert [text.text for text in until(parent, 2)] == ["next"]
    assert engine.cancelled == [1]


def test_cancelling_what_is_finished_does_nothing(parent: Parent) -> None:
    parent.ask(1, "one")
    list(parent.until_finished(1))
    parent.say(Cancel(id=1))
    parent.say(Cancel(id=77))
    parent.ask(2, "two")
    assert [text.text for text in parent.until_finished(2)] == ["two"]


def test_a_refusal_says_why(parent: Parent) -> None:
    parent.ask(1, "refuse")
    assert parent.hear() == Refused(id=1, why="too long")


@pytest.mark.parametrize("question", ["untemplated secret", "fail secret"])
def test_an_error_says_where_it_happened_and_quotes_nobody(parent: Parent, question: str) -> None:
    parent.ask(1, question)
    heard = parent.hear()
    assert isinstance(heard, Refused)
    assert heard.why.startswith("ValueError in test_models_worker.py:")
    assert "secret" not in heard.why


def test_a_question_that_cannot_be_laid_out_leaves_the_others_alone(parent: Parent, engine: Engine) -> None:
    parent.ask(1, "wait on")
    parent.ask(2, "untemplated secret")
    engine.go.release()
    assert [text.text for text in until(parent, 1)] == ["wait", "on"]


def test_after_an_error_the_next_question_is_answered(parent: Parent) -> None:
    parent.ask(1, "fail secret")
    assert isinstance(parent.hear(), Refused)
    parent.ask(2, "fine")
    assert [text.text for text in parent.until_finished(2)] == ["fine"]


def test_too_little_memory_for_a_conversation_is_said_plainly(parent: Parent) -> None:
    parent.ask(1, "exhaust")
    assert parent.hear() == Refused(id=1, why="there is not enough memory for this conversation")


def test_a_model_that_cannot_be_loaded_is_reported_in_one_line() -> None:
    with running(nothing_loads) as parent:
        parent.say(LOAD)
        assert parent.hear() == Broken(why="OSError: no file named model.safetensors")
