from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.actions import Action, Address, Finish
from rostra.codec import dump, dump_event, dump_steps, load, load_event, load_steps
from rostra.delivery.reply import Reply
from rostra.errors import StoreError
from rostra.events import Event, Message
from rostra.places import Person, Place
from rostra.turns import Step
from rostra.verdicts import Judged

MESSAGE = Message(
    id="m1",
    place=Place(adapter="discord", channel="12", workspace="34"),
    author=Person(id="u1", roles=frozenset({"b", "a"})),
    text="Why?",
    sent_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
)
TEXTS = st.text(st.characters(exclude_categories=[]), max_size=12)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    bytes: st.binary(max_size=12),
    type(None): st.none(),
    datetime: st.datetimes(timezones=ZONES),
}


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Draw values of ``type_`` with all their fields."""
    if is_dataclass(type_):
        hints = get_type_hints(type_)
        made: Any = type_
        return st.builds(made, **{item.name: values(hints[item.name]) for item in fields(type_)})
    if isinstance(type_, type) and issubclass(type_, Enum):
        return st.sampled_from(type_)
    if type_ in SIMPLE:
        return SIMPLE[type_]
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in {Union, UnionType}:
        return st.one_of([values(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(values(argument) for argument in arguments))
    if origin is frozenset:
        return st.frozensets(values(arguments[0]), max_size=3)
    assert isinstance(origin, type), type_
    assert issubclass(origin, Mapping), type_
    return st.dictionaries(TEXTS, values(arguments[1]), max_size=3)


KINDS = [(kind, union) for union in (Event, Action) for kind in get_args(union)]
OTHERS = [(kind, kind) for kind in (Address, Reply, tuple[Step, ...], tuple[Judged, ...])]


@pytest.mark.parametrize(
    ("kind", "type_"), [pytest.param(*pair, id=str(pair[0]).split(".")[-1]) for pair in [*KINDS, *OTHERS]]
)
def test_every_value_comes_back_as_it_was(kind: Any, type_: Any) -> None:
    @settings(max_examples=25, deadline=None, database=None)
    @given(values(kind))
    def comes_back(value: Any) -> None:
        data = dump(value, type_)
        back = load(type_, data)
        assert back == value
        assert type(back) is type(value)
        assert dump(back, type_) == data

    comes_back()


def test_the_json_is_compact_and_names_the_kind() -> None:
    assert dump_event(MESSAGE) == (
        b'{"kind":"Message","id":"m1","place":{"adapter":"discord","channel":"12","workspace":"34"},'
        b'"author":{"id":"u1","roles":["a","b"]},"text":"Why?","sent_at":"2026-01-02T03:04:05.000006+00:00"}'
    )


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_has_not_got_survive(number: float) -> None:
    steps = (Step(stage="s", what="w", facts=(("x", number),)),)
    data = dump_steps(steps)
    assert b"NaN" not in data
    assert b"Infinity" not in data
    (step,) = load_steps(data)
    assert repr(step.facts[0][1]) == repr(number)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"kind":"Telepathy","id":"secret"}',
        b'{"id":"secret"}',
        b'{"kind":"Message","id":"secret"}',
        dump_event(MESSAGE).replace(b'"text"', b'"secret"'),
        dump_event(MESSAGE).replace(b"2026", b"secret"),
    ],
    ids=repr,
)
def test_what_is_no_event_is_an_error_that_quotes_nothing(data: bytes) -> None:
    with pytest.raises(StoreError, match="cannot be read") as caught:
        load_event(data)
    assert "secret" not in str(caught.value)


def test_a_value_of_no_known_type_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="no way to store"):
        dump(1j)


def test_an_action_is_not_taken_for_an_event() -> None:
    with pytest.raises(StoreError):
        load_event(dump(Finish(reply="r", text="t"), Action))
