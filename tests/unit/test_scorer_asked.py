"""A model that is asked for grades."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sayings import ASKED, END, Sayer

from rostra.chat import Sampling, ToolCall, Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra.testing.clock import ManualClock, settle
from rostra_models.scorer_asked import AskedScorer, AskedSettings, open_asked


def grader(model: Sayer, clock: ManualClock | None = None, **settings: float) -> AskedScorer:
    return AskedScorer(
        "grader",
        model,
        AskedSettings.model_validate({"model": "m", **settings}),
        clock=clock or ManualClock(),
    )


def answered(said: str) -> tuple[Utterance, ...]:
    return (*ASKED, Utterance(role="assistant", text=said))


async def test_each_answer_gets_its_grade_and_the_model_sees_all_of_it() -> None:
    model = Sayer([[" 7\n", END], ["10", END]], window=1000)
    assert await grader(model).score([answered("Because."), answered("Why not?")]) == [7.0, 10.0]
    (task, shown), sampling = model.asked[0]
    assert task.role == "system"
    assert json.loads(shown.text) == [
        {"role": "user", "text": "Why?"},
        {"role": "assistant", "text": "Because."},
    ]
    assert sampling == Sampling(temperature=0.0, seed=0, max_tokens=8)


@pytest.mark.parametrize(
    "said", ["", "0", "11", "7/10", "Grade: 7", "7.5", "-3", "\u0667", "10 10", "7" * 500]
)
async def test_anything_but_a_number_from_1_to_10_is_an_error_without_a_word_of_it(said: str) -> None:
    with pytest.raises(ModelError, match="no number from 1 to 10") as error:
        await grader(Sayer([[said, END]], window=1000)).score([answered("Because.")])
    assert len(said) < 4 or said not in str(error.value)


async def test_one_failure_stops_the_others_and_is_raised_as_it_is() -> None:
    model = Sayer([[ModelError("down")], [asyncio.Event()]], window=1000)
    with pytest.raises(ModelError, match=r"^down$"):
        await grader(model).score([answered("a"), answered("b")])
    assert model.open == 0


async def test_a_model_that_says_nothing_is_not_waited_for() -> None:
    clock = ManualClock()
    model = Sayer([[asyncio.Event()]], window=1000)
    task = asyncio.create_task(grader(model, clock, seconds=3).score([answered("a")]))
    await clock.advance(4)
    with pytest.raises(ModelError, match="no grade within 3 s"):
        await task
    assert model.open == 0


async def test_only_so_many_are_graded_at_once() -> None:
    model = Sayer([["5", END]], window=1000)
    assert (
        await grader(model, concurrent=2).score([answered(str(number)) for number in range(7)]) == [5.0] * 7
    )
    assert model.most == 2


async def test_what_does_not_fit_is_left_out_from_the_oldest_on() -> None:
    model = Sayer([["5", END]], window=200)
    history = [Utterance(role="user", text="word " * 90), *answered("Because.")]
    await grader(model).score([history])
    assert [said["text"] for said in json.loads(model.asked[0][0][1].text)] == ["Why?", "Because."]
    with pytest.raises(ModelError, match="too long for model 'sayer'"):
        await grader(model).score([answered("word " * 200)])
    with pytest.raises(ModelError, match="an empty conversation"):
        await grader(model).score([()])


async def test_calls_are_shown_too() -> None:
    model = Sayer([["5", END]], window=1000)
    call = ToolCall(id="1", name="look", arguments="{}")
    await grader(model).score([(*ASKED, Utterance(role="assistant", text="", calls=(call,)))])
    assert json.loads(model.asked[0][0][1].text)[-1]["calls"] == [{"name": "look", "arguments": "{}"}]


async def test_whoever_leaves_stops_the_grading(tmp_path: Path) -> None:
    model = Sayer([[asyncio.Event()]], window=1000)
    services = Services(name="mine", data=tmp_path, base=tmp_path, models={"a": model})
    async with open_asked(AskedSettings(model="a"), services) as scorer:
        assert scorer.name == "mine"
        task = asyncio.create_task(scorer.score([answered("a")]))
        await settle()
        assert model.open == 1
        task.cancel()
        await settle()
    assert model.open == 0
