"""So many at a time, place by place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from sayings import ASKED, END, HALL, SURE, YARD, Sayer, heard, text

from rostra.chat import Piece, Sampling, Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra.places import Place
from rostra.testing.clock import settle
from rostra.versions import ModelVersion
from rostra_models.wrappers.limit import LimitModel, LimitSettings, open_limit


def ask(model: LimitModel, place: Place, question: str = "Why?") -> asyncio.Task[list[Piece]]:
    messages = (Utterance(role="user", text=question),)
    return asyncio.create_task(heard(model, replace(SURE, place=place), messages))


def order(model: Sayer) -> Sequence[str]:
    return [messages[0].text for messages, _ in model.asked]


async def test_no_more_streams_are_open_than_it_may() -> None:
    inner = Sayer([["a", "b", END]])
    model = LimitModel("careful", inner, streams=2)
    answers = await asyncio.gather(*(ask(model, HALL) for _ in range(9)))
    assert {text(answer) for answer in answers} == {"ab"}
    assert (inner.most, len(inner.asked)) == (2, 9)


async def test_a_busy_place_does_not_keep_the_others_waiting() -> None:
    gate = asyncio.Event()
    inner = Sayer([[gate, "a", END]])
    model = LimitModel("careful", inner, streams=1)
    tasks = [ask(model, HALL, f"hall {number}") for number in range(4)]
    await settle()
    tasks += [ask(model, YARD, f"yard {number}") for number in range(2)]
    await settle()
    gate.set()
    await asyncio.gather(*tasks)
    assert order(inner) == ["hall 0", "hall 1", "yard 0", "hall 2", "yard 1", "hall 3"]


async def test_who_comes_when_too_many_wait_is_turned_away() -> None:
    gate = asyncio.Event()
    model = LimitModel("careful", Sayer([[gate, "a", END]]), streams=1, waiting=2)
    tasks = [ask(model, HALL) for _ in range(3)]
    await settle()
    with pytest.raises(ModelError, match="'careful' is busy: 2 questions wait"):
        await ask(model, HALL)
    gate.set()
    await asyncio.gather(*tasks)


async def test_a_place_cannot_fill_all_the_room_there_is_to_wait() -> None:
    gate = asyncio.Event()
    inner = Sayer([[gate, "a", END]])
    model = LimitModel("careful", inner, streams=1, waiting=3)
    hall = [ask(model, HALL, f"hall {number}") for number in range(4)]
    await settle()
    yard = ask(model, YARD, "yard")
    await settle()
    with pytest.raises(ModelError, match="busy"):
        await hall[3]
    gate.set()
    await asyncio.gather(*hall[:3], yard)
    assert order(inner) == ["hall 0", "hall 1", "yard", "hall 2"]


async def test_without_room_to_wait_the_second_is_turned_away() -> None:
    gate = asyncio.Event()
    model = LimitModel("careful", Sayer([[gate, "a", END]]), streams=1, waiting=0)
    first = ask(model, HALL)
    await settle()
    with pytest.raises(ModelError):
        await ask(model, YARD)
    gate.set()
    await first
    assert text(await ask(model, YARD)) == "a"


async def test_who_leaves_while_waiting_is_never_asked_and_takes_no_slot() -> None:
    gate = asyncio.Event()
    inner = Sayer([[gate, "a", END]])
    model = LimitModel("careful", inner, streams=1)
    first, second, third = [ask(model, HALL, str(number)) for number in range(3)]
    await settle()
    second.cancel()
    await settle()
    gate.set()
    assert text(await first) == text(await third) == "a"
    assert order(inner) == ["0", "2"]


async def test_a_slot_that_is_handed_to_who_leaves_at_that_moment_is_handed_on() -> None:
    model = LimitModel("careful", Sayer([["a", END]]), streams=1)
    pieces = model.stream(ASKED, SURE)
    await anext(pieces)
    leaving, staying = ask(model, HALL), ask(model, YARD)
    await settle()
    await pieces.aclose()  # the slot is handed over, and nobody has run since
    leaving.cancel()
    assert text(await staying) == "a"
    assert leaving.cancelled() or leaving.done()


async def test_a_failure_and_an_early_end_give_the_slot_back() -> None:
    inner = Sayer([[ModelError("down")], ["a", "b", END]])
    model = LimitModel("careful", inner, streams=1, waiting=0)
    with pytest.raises(ModelError, match="down"):
        await heard(model)
    async with aclosing(model.stream(ASKED, Sampling())) as pieces:
        await anext(pieces)
    assert text(await heard(model)) == "ab"


async def test_it_opens_around_the_model_that_it_names(tmp_path: Path) -> None:
    version = ModelVersion(name="m", source="tests", content="1")
    models = {"a": Sayer([["yes", END]], window=7, version=version)}
    services = Services(name="mine", data=tmp_path, base=tmp_path, models=models)
    async with open_limit(LimitSettings(model="a"), services) as model:
        assert (model.name, model.window, model.count("a b"), model.version) == ("mine", 7, 2, version)
        assert text(await heard(model)) == "yes"
