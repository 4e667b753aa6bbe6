"""Asking again, and asking somebody else."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from sayings import ASKED, END, SURE, Sayer, Take, heard, text

from rostra.chat import Piece, ToolCall
from rostra.components import Services
from rostra.errors import ModelError, ModelMissing
from rostra.testing.clock import ManualClock, settle
from rostra.versions import ModelVersion
from rostra_models.wrappers.fallback import FallbackModel, FallbackSettings, open_fallback
from rostra_models.wrappers.retry import RetryModel, RetrySettings, open_retry

DOWN = ModelError("it is down")


def patient(model: Sayer, clock: ManualClock, **settings: float) -> RetryModel:
    return RetryModel(
        "patient",
        model,
        RetrySettings.model_validate({"model": "m", **settings}),
        clock=clock,
        draw=lambda: 1.0,
    )


async def test_it_is_asked_again_after_growing_delays_until_it_answers() -> None:
    clock, model = ManualClock(), Sayer([[DOWN], [DOWN], ["yes", END]])
    task = asyncio.create_task(heard(patient(model, clock, first_delay=1, attempts=3)))
    await settle()
    assert len(model.asked) == 1
    await clock.advance(0.9)
    assert len(model.asked) == 1
    await clock.advance(0.2)
    assert len(model.asked) == 2
    await clock.advance(1.8)
    assert len(model.asked) == 2
    await clock.advance(0.2)
    assert text(await task) == "yes"


async def test_delays_do_not_grow_beyond_the_longest() -> None:
    clock, model = ManualClock(), Sayer([[DOWN]])
    model.takes = [*[[DOWN]] * 5, ["yes", END]]
    task = asyncio.create_task(
        heard(patient(model, clock, first_delay=1, longest_delay=1, attempts=6, seconds=60))
    )
    await clock.advance(5.0)
    assert text(await task) == "yes"


async def test_after_the_last_attempt_its_error_goes_through() -> None:
    clock, model = ManualClock(), Sayer([[ModelError("first")], [ModelError("second")]])
    task = asyncio.create_task(heard(patient(model, clock, attempts=2)))
    await clock.advance(1.0)
    with pytest.raises(ModelError, match="second"):
        await task
    assert len(model.asked) == 2


async def test_it_is_not_asked_again_after_its_time() -> None:
    clock, model = ManualClock(), Sayer([[DOWN]])
    task = asyncio.create_task(
        heard(patient(model, clock, attempts=99, first_delay=4, longest_delay=4, seconds=10))
    )
    await clock.advance(100.0)
    with pytest.raises(ModelError):
        await task
    assert len(model.asked) == 3


@pytest.mark.parametrize("take", [["a wor", DOWN], [ModelMissing("no weights")]], ids=["begun", "missing"])
async def test_what_has_begun_or_is_missing_is_not_asked_again(take: Take) -> None:
    model = Sayer([take])
    with pytest.raises(ModelError) as error:
        await heard(patient(model, ManualClock()))
    assert error.value is take[-1]
    assert len(model.asked) == 1


async def test_an_answer_without_a_piece_is_asked_for_again() -> None:
    clock, model = ManualClock(), Sayer([[], [Piece(), "yes", END]])
    task = asyncio.create_task(heard(patient(model, clock)))
    await clock.advance(1.0)
    assert text(await task) == "yes"


async def test_leaving_during_a_delay_asks_nobody_any_more() -> None:
    clock, model = ManualClock(), Sayer([[DOWN]])
    task = asyncio.create_task(heard(patient(model, clock)))
    await settle()
    task.cancel()
    await clock.advance(100.0)
    assert task.cancelled()
    assert len(model.asked) == 1


async def test_closing_closes_the_model_inside() -> None:
    model = Sayer([["a", "b", END]])
    for wrapper in (patient(model, ManualClock()), FallbackModel("sure", [model])):
        async with aclosing(wrapper.stream(ASKED, SURE)) as pieces:
            assert (await anext(pieces)).text == "a"
            assert model.open == 1
        assert model.open == 0


async def test_the_next_one_is_asked_and_nothing_of_the_first_is_said() -> None:
    models = [Sayer([[DOWN]]), Sayer([[Piece(), DOWN]]), Sayer([["yes", END]]), Sayer([["no", END]])]
    assert text(await heard(FallbackModel("sure", models))) == "yes"
    assert [len(model.asked) for model in models] == [1, 1, 1, 0]


async def test_an_answer_that_has_begun_is_not_begun_again_by_another() -> None:
    second = Sayer([["no", END]])
    pieces = FallbackModel("sure", [Sayer([["a wor", DOWN]]), second]).stream(ASKED, SURE)
    assert (await anext(pieces)).text == "a wor"
    with pytest.raises(ModelError, match="it is down"):
        await anext(pieces)
    assert second.asked == []


async def test_whoever_takes_too_long_is_closed_and_the_next_one_asked() -> None:
    clock = ManualClock()
    slow = Sayer([[asyncio.Event(), "late", END]])
    task = asyncio.create_task(
        heard(FallbackModel("sure", [slow, Sayer([["yes", END]])], first_seconds=3, clock=clock))
    )
    await clock.advance(2.9)
    assert not task.done()
    await clock.advance(0.2)
    assert text(await task) == "yes"
    assert slow.open == 0


async def test_the_last_one_may_take_its_time() -> None:
    clock, gate = ManualClock(), asyncio.Event()
    last = Sayer([[gate, "at last", END]])
    task = asyncio.create_task(
        heard(FallbackModel("sure", [Sayer([[DOWN]]), last], first_seconds=1, clock=clock))
    )
    await clock.advance(50.0)
    gate.set()
    assert text(await task) == "at last"


async def test_when_all_fail_the_error_has_each_of_them_in_one_line() -> None:
    models = [Sayer([[ModelError("a\nb")]], name="one"), Sayer([[ModelMissing("no weights")]], name="two")]
    with pytest.raises(ModelError) as error:
        await heard(FallbackModel("sure", models))
    assert str(error.value) == "model 'one': a b; model 'two': no weights"


async def test_a_single_failure_is_raised_as_it_is() -> None:
    with pytest.raises(ModelMissing):
        await heard(FallbackModel("sure", [Sayer([[ModelMissing("no weights")]])]))


async def test_an_empty_answer_counts_as_a_failure_but_a_call_or_a_filter_does_not() -> None:
    second = Sayer([["yes", END]])
    assert text(await heard(FallbackModel("sure", [Sayer([[END]]), second]))) == "yes"
    call = Piece(finish="tool_calls", calls=(ToolCall(id="1", name="f", arguments="{}"),))
    for said in (call, Piece(finish="content_filter")):
        assert await heard(FallbackModel("sure", [Sayer([[said]]), second])) == [said]


def test_several_hold_what_the_smallest_holds() -> None:
    sure = FallbackModel("sure", [Sayer([], window=50, tokens=3), Sayer([], window=70, tokens=9)])
    assert (sure.window, sure.count("x")) == (50, 9)
    with pytest.raises(ValueError, match="no models"):
        FallbackModel("sure", [])


async def test_both_open_around_the_models_that_they_name(tmp_path: Path) -> None:
    version = ModelVersion(name="m", source="tests", content="1")
    models = {"a": Sayer([["yes", END]], window=7, version=version)}
    services = Services(name="mine", data=tmp_path, base=tmp_path, models=models)
    async with open_retry(RetrySettings(model="a"), services) as retry:
        assert (retry.name, retry.window, retry.count("a b"), retry.version) == ("mine", 7, 2, version)
        assert text(await heard(retry)) == "yes"
    async with open_fallback(FallbackSettings(models=("a",)), services) as fallback:
        assert text(await heard(fallback)) == "yes"
