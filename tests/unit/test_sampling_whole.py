"""Who asks for a whole answer, who passes that on, and who takes no notice of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from gateway_stand import standing
from sayings import ASKED, END, SURE, Sayer, heard, text

from rostra.actions import Action, Finish
from rostra.answer import answer_with
from rostra.chat import Answerer, Sampling
from rostra.testing.clock import ManualClock, settle
from rostra.testing.stages import a_turn
from rostra.versions import sampling_id
from rostra_models.wrappers.cache import CacheModel, CacheSettings
from rostra_models.wrappers.calls import Call, call_of, line_of
from rostra_models.wrappers.fallback import FallbackModel
from rostra_models.wrappers.replay import ReplayModel, ReplaySettings

WHOLE = replace(SURE, whole=True)


async def test_an_answer_that_is_not_streamed_is_asked_for_whole_and_one_that_is_is_not(
    tmp_path: Path,
) -> None:
    async with standing(tmp_path) as stand:
        await stand.answer("Hello")
        await stand.streamed("Hello")
        assert [sampling.whole for _, sampling in stand.model().asked] == [True, False]


@pytest.mark.parametrize("whole", [False, True])
async def test_the_first_piece_of_a_whole_answer_is_not_waited_for_as_if_it_were_streamed(
    whole: bool,
) -> None:
    clock, said = ManualClock(), asyncio.Event()
    actions: list[Action] = []

    async def emit(action: Action) -> None:
        actions.append(action)

    answerer = Answerer(name="default", model="sayer", sampling=replace(SURE, whole=whole))
    handle = answer_with({"sayer": Sayer([[said, "late", END]])}, clock=clock, first_token_seconds=5.0)
    task = asyncio.ensure_future(handle(replace(a_turn("Why?"), answerer=answerer), emit))
    await settle()
    await clock.advance(5.1)
    said.set()
    if whole:
        await task
        assert isinstance(actions[-1], Finish)
        assert actions[-1].text == "late"
    else:
        with pytest.raises(TimeoutError):
            await task


def test_an_answer_is_drawn_the_same_way_whole_or_not() -> None:
    assert sampling_id(Sampling(whole=True)) == sampling_id(Sampling())


async def test_a_cache_gives_to_one_what_it_kept_for_the_other() -> None:
    inner = Sayer([["a", "b", END]])
    model = CacheModel("quick", inner, CacheSettings(model="m"), clock=ManualClock())
    assert text(await heard(model, WHOLE)) == text(await heard(model, SURE)) == "ab"
    assert len(inner.asked) == 1


async def test_a_recording_answers_whoever_asks_whole_or_not() -> None:
    call = Call(
        at="now", model="m", messages=ASKED, sampling=WHOLE, pieces=((0.0, END),), seconds=0.0, outcome="done"
    )
    assert call_of(line_of(call)) == call
    model = ReplayModel("again", [call], ReplaySettings(path=Path()), ManualClock())
    assert (await heard(model, SURE))[-1].finish == (await heard(model, WHOLE))[-1].finish == "stop"


async def test_only_the_last_of_a_chain_may_let_its_first_piece_wait() -> None:
    first, last = Sayer([[END]]), Sayer([["yes", END]])
    assert text(await heard(FallbackModel("sure", [first, last]), WHOLE)) == "yes"
    assert [sampling.whole for _, sampling in first.asked + last.asked] == [False, True]
