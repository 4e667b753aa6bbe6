"""The model with ready answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.clock import SystemClock
from rostra.components import Services, find
from rostra.testing.clock import ManualClock, settle
from rostra_models.canned import CannedModel, CannedSettings, component


def canned(settings: CannedSettings) -> CannedModel:
    return CannedModel("canned", settings, SystemClock())


async def answer(model: CannedModel, question: str, sampling: Sampling | None = None) -> list[Piece]:
    said = (
        Utterance(role="system", text="Be kind."),
        Utterance(role="user", text=question),
    )
    return [piece async for piece in model.stream(said, sampling or Sampling())]


FRANCE = CannedSettings(answers={"What is the capital of France?": "Paris, of course."})


@pytest.mark.parametrize("question", ["What is the capital of France?", "  what is THE capital\nof France? "])
async def test_a_known_question_gets_its_answer(question: str) -> None:
    assert "".join(piece.text for piece in await answer(canned(FRANCE), question)) == "Paris, of course."


async def test_an_unknown_question_comes_back() -> None:
    assert "".join(piece.text for piece in await answer(canned(FRANCE), "And Spain?")) == "And Spain?"


async def test_or_gets_the_answer_for_everything_else() -> None:
    model = canned(CannedSettings(otherwise="No idea."))
    assert "".join(piece.text for piece in await answer(model, "And Spain?")) == "No idea."


async def test_answers_come_in_pieces_that_are_counted() -> None:
    model = canned(CannedSettings(otherwise="abcdefgh!", piece=4))
    assert await answer(model, "12345") == [
        Piece(text="abcd"),
        Piece(text="efgh"),
        Piece(text="!"),
        Piece(finish="stop", usage=Usage(prompt=4, completion=3)),
    ]


async def test_a_cut_answer_says_so() -> None:
    pieces = await answer(canned(CannedSettings(otherwise="abcdefgh!")), "?", Sampling(max_tokens=2))
    assert "".join(piece.text for piece in pieces) == "abcdefgh"
    assert pieces[-1].finish == "length"


async def test_an_answer_that_just_fits_is_whole() -> None:
    pieces = await answer(canned(CannedSettings(otherwise="abcdefgh")), "?", Sampling(max_tokens=2))
    assert pieces[-1].finish == "stop"


async def test_every_choice_is_finished() -> None:
    pieces = await answer(canned(CannedSettings(otherwise="abcdef")), "?", Sampling(n=2))
    assert [(piece.choice, piece.text, piece.finish) for piece in pieces] == [
        (0, "abcd", None),
        (0, "ef", None),
        (0, "", "stop"),
        (1, "abcd", None),
        (1, "ef", None),
        (1, "", "stop"),
    ]


async def test_pieces_come_as_slowly_as_is_asked_for() -> None:
    clock = ManualClock()
    model = CannedModel("slow", CannedSettings(otherwise="abcdef", seconds=2), clock)
    heard: list[Piece] = []

    async def listen() -> None:
        async for piece in model.stream((), Sampling()):
            heard.append(piece)  # noqa: PERF401  each is looked at as it comes

    task = asyncio.create_task(listen())
    counts: list[int] = []
    for _ in range(4):
        await clock.advance(1)
        await settle()
        counts.append(len(heard))
    await task
    assert counts == [0, 1, 1, 3]


async def test_it_is_found_under_its_name(tmp_path: Path) -> None:
    assert find("models", "canned", tmp_path) is component
    services = Services(name="demo", data=tmp_path, base=tmp_path)
    async with component.open(FRANCE, services) as model:
        assert model.name == "demo"
        assert "".join(piece.text for piece in await answer(model, "Hello")) == "Hello"


def test_unknown_settings_are_errors() -> None:
    with pytest.raises(ValidationError, match="anwsers"):
        CannedSettings.model_validate({"anwsers": {}})
