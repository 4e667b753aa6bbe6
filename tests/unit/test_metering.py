from __future__ import annotations

import asyncio

import pytest

from rostra.chat import Piece, Usage
from rostra.errors import ModelError
from rostra.metering import metered, most_of
from rostra.testing.fakes import ScriptedModel
from rostra.testing.stages import a_turn
from rostra.turns import Turn
from rostra_models.wrappers.best_of import BestOfModel, Choosing
from rostra_models.wrappers.limit import LimitModel
from rostra_models.wrappers.router import RouterModel, RouterSettings


class Priced(ScriptedModel):
    """A model that costs a hundredth of a token in the prompt, and a tenth of one in the answer."""

    def most(self, prompt: int, completion: int) -> Usage:
        return Usage(prompt=prompt, completion=completion, cost=prompt / 100 + completion / 10)


class Anything:
    name = "scores"

    async def score(self, conversations: object) -> list[float]:
        del conversations
        return []


def test_what_a_model_says_it_took_counts() -> None:
    turn = a_turn()
    with metered(turn, Priced(), 5) as meter:
        meter.take(Piece(text="two words"))
        meter.take(Piece(finish="stop", usage=Usage(prompt=7, completion=3, cost=0.5)))
    assert turn.trace.used == [Usage(prompt=7, completion=3, cost=0.5)]


def test_what_it_does_not_say_is_reckoned() -> None:
    turn = a_turn()
    with metered(turn, Priced(), 5) as meter:
        meter.take(Piece(text="two "))
        meter.take(Piece(text="words", finish="stop"))
    assert turn.trace.used == [Usage(prompt=5, completion=2, cost=0.25)]


def broken_off(turn: Turn, error: BaseException, *said: str) -> None:
    with metered(turn, Priced(), 5) as meter:
        for text in said:
            meter.take(Piece(text=text))
        raise error


def test_an_answer_that_is_broken_off_took_its_prompt_and_what_was_said() -> None:
    turn = a_turn()
    for error, said in (
        (asyncio.CancelledError(), ["two words"]),
        (asyncio.CancelledError(), []),
        (ModelError("broke"), ["one"]),
    ):
        with pytest.raises(type(error)):
            broken_off(turn, error, *said)
    assert [(one.prompt, one.completion) for one in turn.trace.used] == [(5, 2), (5, 0), (5, 1)]


def test_a_model_that_fails_before_it_said_anything_took_nothing() -> None:
    turn = a_turn()
    with pytest.raises(ModelError):
        broken_off(turn, ModelError("broke"))
    assert turn.trace.used == []


def test_wrappers_say_what_those_inside_of_them_take_at_most() -> None:
    priced, free = Priced(name="priced"), ScriptedModel(name="free")
    assert most_of(free, 100, 10) == Usage(prompt=100, completion=10)
    assert most_of(LimitModel("l", priced), 100, 10) == Usage(prompt=100, completion=10, cost=2.0)
    router = RouterModel("r", {"free": free, "priced": priced}, _settings())
    assert most_of(router, 100, 10) == Usage(prompt=100, completion=10, cost=2.0)
    best = BestOfModel("b", [priced, free], Anything(), Choosing(n=3))
    assert most_of(best, 100, 10) == Usage(prompt=600, completion=60, cost=6.0)


def _settings() -> RouterSettings:
    rule = {"models": ["priced"], "languages": ["de"]}
    return RouterSettings.model_validate({"default": "free", "rules": [rule]})
