"""What the process of a local model and its parent say to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.chat import Sampling, Utterance
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
    order,
    report,
)

ORDERS = (
    Load(
        folder="/models/ü",
        dtype="float32",
        threads=2,
        window=8192,
        nice=5,
        memory=10**9,
        seats=32,
        repetition_penalty=1.1,
    ),
    Generate(
        id=3,
        messages=(Utterance(role="system", text="Be kind."), Utterance(role="user", text="Hi")),
        sampling=Sampling(temperature=0, stop=("\n", "User:"), seed=7, n=2),
    ),
    Generate(id=1, messages=(), sampling=Sampling()),
    Cancel(id=3),
)
REPORTS = (
    Ready(seconds=4.5, memory=10**9),
    Broken(why="no such file"),
    Text(id=3, text="é", choice=1, finish="length", prompt=10, completion=2),
    Refused(id=3, why="too long"),
)


@pytest.mark.parametrize("said", ORDERS, ids=lambda said: type(said).__name__)
def test_orders_arrive_as_they_left(said: Order) -> None:
    assert order(encode(said)) == said


@pytest.mark.parametrize("said", REPORTS, ids=lambda said: type(said).__name__)
def test_reports_arrive_as_they_left(said: Report) -> None:
    assert report(encode(said)) == said


@given(st.text(st.characters(codec=None)))
def test_any_text_is_one_line_and_arrives_whole(text: str) -> None:
    line = encode(Generate(id=1, messages=(Utterance(role="user", text=text),), sampling=Sampling()))
    assert line.count(b"\n") == 1
    arrived = order(line)
    assert isinstance(arrived, Generate)
    # JSON joins a pair of lone surrogates into the character they stand for; nothing else changes.
    assert arrived.messages[0].text.encode("utf-16", "surrogatepass") == text.encode(
        "utf-16", "surrogatepass"
    )


@pytest.mark.parametrize(
    "line", [b"hello\n", b"{}\n", b"[]\n", b'{"is": "Text"}\n', b'{"is": "Load", "id": 1}\n']
)
def test_nonsense_is_an_error(line: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        report(line)
