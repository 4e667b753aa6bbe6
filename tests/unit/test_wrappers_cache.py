"""Answers that are remembered, and made once for all who ask."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from sayings import ASKED, END, HALL, SURE, YARD, Sayer, heard, text

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.components import Services
from rostra.errors import ModelError, ModelMissing
from rostra.testing.clock import ManualClock, settle
from rostra.versions import ModelVersion
from rostra_models.wrappers.cache import CacheModel, CacheSettings, open_cache
from rostra_models.wrappers.flight import LONGEST


def quick(model: Sayer, clock: ManualClock | None = None, **settings: float | bool) -> CacheModel:
    own = CacheSettings.model_validate({"model": "m", **settings})
    return CacheModel("quick", model, own, clock=clock or ManualClock())


def question(words: str) -> tuple[Utterance, ...]:
    return (Utterance(role="user", text=words),)


@pytest.mark.parametrize("sampling", [SURE, Sampling(temperature=0.9, seed=7)], ids=["greedy", "seeded"])
async def test_the_same_question_is_asked_once_and_answered_in_the_same_pieces(sampling: Sampling) -> None:
    inner = Sayer([["a", Piece(text="b", logprobs=(-0.5,)), END], ["other", END]])
    model = quick(inner)
    first, again = await heard(model, sampling), await heard(model, sampling)
    assert [(piece.text, piece.finish, piece.logprobs) for piece in first] == [
        (piece.text, piece.finish, piece.logprobs) for piece in again
    ]
    assert text(again) == "ab"
    assert len(inner.asked) == 1


async def test_what_is_drawn_anew_is_asked_anew() -> None:
    inner = Sayer([["a", END], ["b", END]])
    model = quick(inner)
    assert [text(await heard(model, Sampling())) for _ in range(2)] == ["a", "b"]
    assert model.entries == 0


@pytest.mark.parametrize(
    "other",
    [replace(SURE, max_tokens=9), replace(SURE, seed=1), replace(SURE, stop=("x",)), replace(SURE, n=2)],
    ids=["max_tokens", "seed", "stop", "n"],
)
async def test_another_sampling_is_another_question(other: Sampling) -> None:
    inner = Sayer([["a", END], ["b", END]])
    model = quick(inner)
    assert text(await heard(model)) == "a"
    assert text(await heard(model, other)) == "b"


async def test_another_place_shares_the_answer_unless_places_are_kept_apart() -> None:
    for apart in (False, True):
        inner = Sayer([["a", END], ["b", END]])
        model = quick(inner, by_place=apart)
        said = [text(await heard(model, replace(SURE, place=place))) for place in (HALL, YARD, HALL)]
        assert said == (["a", "b", "a"] if apart else ["a", "a", "a"])


async def test_another_version_of_the_model_is_asked_anew() -> None:
    inner = Sayer([["a", END], ["b", END]])
    model = quick(inner)
    assert text(await heard(model)) == "a"
    inner.version = ModelVersion(name="m", source="tests", content="2")
    assert text(await heard(model)) == "b"
    assert model.version == inner.version


async def test_what_comes_from_memory_costs_nothing() -> None:
    end = Piece(finish="stop", usage=Usage(prompt=10, completion=5, cost=0.25))
    model = quick(Sayer([["a", end]]))
    paid, free = [(await heard(model))[-1].usage for _ in range(2)]
    assert paid == Usage(prompt=10, completion=5, cost=0.25)
    assert free == Usage(prompt=10, completion=5, cached=10, cost=0.0)


@pytest.mark.parametrize("end", ["failure", "filter", "no end"])
async def test_what_went_wrong_is_not_remembered(end: str) -> None:
    takes = {
        "failure": ModelError("down"),
        "filter": Piece(finish="content_filter"),
        "no end": Piece(text="c"),
    }
    inner = Sayer([["a", takes[end]], ["b", END]])
    model = quick(inner)
    if end == "failure":
        with pytest.raises(ModelError, match="down"):
            await heard(model)
    else:
        await heard(model)
    assert text(await heard(model)) == "b"


async def test_an_answer_grows_old() -> None:
    clock, inner = ManualClock(), Sayer([["a", END], ["b", END]])
    model = quick(inner, clock, seconds=60)
    await heard(model)
    await clock.advance(59)
    assert text(await heard(model)) == "a"
    await clock.advance(2)
    assert text(await heard(model)) == "b"


async def test_the_answer_that_was_not_asked_for_the_longest_goes_first() -> None:
    inner = Sayer([["a", END]])
    model = quick(inner, entries=2)
    for words in ("one", "two", "one", "three", "one"):
        await heard(model, messages=question(words))
    assert len(inner.asked) == 3
    await heard(model, messages=question("two"))
    assert len(inner.asked) == 4
    assert model.entries == 2


async def test_answers_have_only_so_many_characters_together() -> None:
    inner = Sayer([["x" * 6, END], ["y" * 6, END], ["z" * 11, END]])
    model = quick(inner, characters=10)
    for words in ("x", "y", "z"):
        await heard(model, messages=question(words))
    assert (model.entries, model.characters) == (1, 6)
    assert text(await heard(model, messages=question("y"))) == "y" * 6
    assert len(inner.asked) == 3


async def test_who_asks_the_same_meanwhile_joins_and_hears_it_from_the_beginning() -> None:
    gate = asyncio.Event()
    inner = Sayer([["a", gate, "b", END]])
    model = quick(inner)
    first = asyncio.create_task(heard(model))
    await settle()
    second = asyncio.create_task(heard(model, replace(SURE, place=YARD)))
    await settle()
    gate.set()
    assert text(await first) == text(await second) == "ab"
    assert len(inner.asked) == 1
    usages = [task.result()[-1].usage for task in (first, second)]
    assert [usage.cached if usage else None for usage in usages] == [0, 2]


@pytest.mark.parametrize("leaves", [0, 1])
async def test_who_leaves_does_not_take_the_answer_from_the_others(leaves: int) -> None:
    gate = asyncio.Event()
    model = quick(Sayer([["a", gate, "b", END]]))
    tasks = [asyncio.create_task(heard(model)) for _ in range(3)]
    await settle()
    tasks[leaves].cancel()
    await settle()
    gate.set()
    said = await asyncio.gather(*tasks, return_exceptions=True)
    assert [text(one) for one in said if isinstance(one, list)] == ["ab", "ab"]


async def test_when_the_last_one_leaves_the_model_is_stopped_and_nothing_remembered() -> None:
    inner = Sayer([["a", asyncio.Event()], ["whole", END]])
    model = quick(inner)
    tasks = [asyncio.create_task(heard(model)) for _ in range(2)]
    await settle()
    assert inner.open == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert inner.open == 0
    assert text(await heard(model)) == "whole"


async def test_closing_early_stops_the_model() -> None:
    inner = Sayer([["a", asyncio.Event()]])
    async with aclosing(quick(inner).stream(ASKED, SURE)) as pieces:
        await anext(pieces)
    assert inner.open == 0


async def test_all_who_wait_hear_of_a_failure_and_the_next_one_asks_anew() -> None:
    gate = asyncio.Event()
    inner = Sayer([[gate, ModelMissing("no\nweights")], ["b", END]])
    model = quick(inner)
    tasks = [asyncio.create_task(heard(model)) for _ in range(3)]
    await settle()
    gate.set()
    said = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(one) for one in said] == ["no weights"] * 3
    assert {type(one) for one in said} == {ModelMissing}
    assert len({id(one) for one in said}) == 3
    assert text(await heard(model)) == "b"


async def test_who_comes_between_a_failure_and_its_news_asks_anew() -> None:
    inner = Sayer([["a", ModelError("down")], ["b", END]])
    model = quick(inner)
    async with aclosing(model.stream(ASKED, SURE)) as slow:
        await anext(slow)
        await settle()  # it has failed, and its only reader does not know yet
        assert text(await heard(model)) == "b"
        with pytest.raises(ModelError, match="down"):
            await anext(slow)
    assert text(await heard(model)) == "b"
    assert len(inner.asked) == 2


async def test_a_model_that_does_not_stop_is_stopped() -> None:
    inner = Sayer([["x" * (LONGEST // 2)] * 3])
    with pytest.raises(ModelError, match="more than 1,000,000 characters"):
        await heard(quick(inner))
    assert inner.open == 0


async def test_a_bug_in_a_model_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        await heard(quick(Sayer([[ZeroDivisionError("oops")]])))


async def test_texts_that_are_no_unicode_are_told_apart() -> None:
    inner = Sayer([["a", END], ["b", END]])
    model = quick(inner)
    assert [text(await heard(model, messages=question(words))) for words in ("\ud800", "\udfff")] == [
        "a",
        "b",
    ]


async def test_it_opens_around_the_model_that_it_names(tmp_path: Path) -> None:
    services = Services(
        name="mine", data=tmp_path, base=tmp_path, models={"a": Sayer([["yes", END]], window=7)}
    )
    async with open_cache(CacheSettings(model="a"), services) as model:
        assert (model.name, model.window, model.count("a b")) == ("mine", 7, 2)
        assert text(await heard(model)) == "yes"
