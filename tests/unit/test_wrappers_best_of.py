"""The best of several answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sayings import ASKED, END, SURE, Sayer, Take, heard, text

from rostra.chat import Piece, Sampling, ToolCall, Usage, Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra.testing.clock import ManualClock, settle
from rostra_models.wrappers.best_of import BestOfModel, BestOfSettings, Choosing, open_best_of
from rostra_models.wrappers.ranking import rerank

DRAWN = Sampling(seed=1)


@dataclass(slots=True)
class Taste:
    """Likes longer answers, or those that it was told to like."""

    liked: Mapping[str, float] = field(default_factory=dict[str, float])
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    name: str = "taste"
    seen: list[Sequence[Sequence[Utterance]]] = field(default_factory=list[Sequence[Sequence[Utterance]]])

    async def score(self, conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
        self.seen.append(conversations)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return [self.liked.get(said[-1].text, len(said[-1].text)) for said in conversations]


def choices(*texts: str) -> Take:
    """Return a take with candidates whose pieces come in turns."""
    begun = [Piece(text=said[:1], choice=at, logprobs=[-1.0]) for at, said in enumerate(texts)]
    ends = [
        Piece(text=said[1:], choice=at, finish="stop", usage=Usage(prompt=5, completion=len(said), cost=0.5))
        for at, said in enumerate(texts)
    ]
    return [*begun, *ends]


def answer(said: str) -> Utterance:
    return Utterance(role="assistant", text=said)


async def test_the_best_candidate_is_said_in_its_own_pieces_and_pays_for_all() -> None:
    inner = Sayer([choices("aa", "bbbb", "ccc")])
    taste = Taste()
    pieces = await heard(BestOfModel("best", [inner], taste, Choosing(n=3)), DRAWN)
    assert [(piece.text, piece.choice, piece.logprobs) for piece in pieces] == [
        ("b", 0, [-1.0]),
        ("bbb", 0, None),
    ]
    assert pieces[-1].usage == Usage(prompt=15, completion=9, cost=1.5)
    assert pieces[-1].finish == "stop"
    assert inner.asked == [(ASKED, replace(DRAWN, n=3))]
    assert taste.seen == [[(*ASKED, answer("aa")), (*ASKED, answer("bbbb")), (*ASKED, answer("ccc"))]]


async def test_nothing_is_said_before_all_candidates_are_there() -> None:
    gate = asyncio.Event()
    model = BestOfModel("best", [Sayer([["long", END]]), Sayer([[gate, "b", END]])], Taste())
    task = asyncio.ensure_future(anext(model.stream(ASKED, DRAWN)))
    await settle()
    assert not task.done()
    gate.set()
    assert (await task).text == "long"


async def test_of_several_models_each_makes_one_and_a_tie_goes_to_the_first() -> None:
    models = [Sayer([["xx", END]]), Sayer([["yyy", END]]), Sayer([["zzz", END]])]
    assert text(await heard(BestOfModel("best", models, Taste()), DRAWN)) == "yyy"
    assert [model.asked[0][1].n for model in models] == [1, 1, 1]


async def test_asked_for_several_it_says_the_best_in_their_order() -> None:
    inner = Sayer([choices("a", "bbb", "cc", "dddd")])
    pieces = await heard(BestOfModel("best", [inner], Taste()), replace(DRAWN, n=2))
    said = ["".join(piece.text for piece in pieces if piece.choice == choice) for choice in range(2)]
    assert said == ["dddd", "bbb"]
    assert [piece.usage for piece in pieces if piece.finish] == [
        None,
        Usage(prompt=20, completion=10, cost=2.0),
    ]


async def test_asked_for_more_than_it_makes_it_makes_more() -> None:
    inner = Sayer([choices(*"abcdefg")])
    await heard(BestOfModel("best", [inner], Taste(), Choosing(n=2)), replace(DRAWN, n=7))
    assert inner.asked[0][1].n == 7


async def test_where_all_would_be_the_same_one_is_made_and_nothing_scored() -> None:
    inner, taste = Sayer([["a", END]]), Taste()
    assert text(await heard(BestOfModel("best", [inner], taste), SURE)) == "a"
    assert inner.asked[0][1].n == 1
    twice = Sayer([choices("same", "same")])
    assert text(await heard(BestOfModel("best", [twice], taste), DRAWN)) == "same"
    assert taste.seen == []


async def test_what_is_no_answer_wins_only_where_there_is_nothing_else() -> None:
    filtered = [Piece(text="very very long", choice=0), Piece(finish="content_filter", choice=0)]
    empty = [Piece(finish="stop", choice=1)]
    short = [Piece(text="ok", finish="stop", choice=2)]
    assert (
        text(await heard(BestOfModel("best", [Sayer([[*filtered, *empty, *short]])], Taste()), DRAWN)) == "ok"
    )
    alone = await heard(BestOfModel("best", [Sayer([[*filtered, *empty]])], Taste()), DRAWN)
    assert alone[-1].finish == "content_filter"


async def test_a_call_is_an_answer_too() -> None:
    call = ToolCall(id="1", name="look", arguments="{}")
    take = [Piece(choice=0, finish="tool_calls", calls=(call,)), Piece(text="hm", choice=1, finish="stop")]
    pieces = await heard(BestOfModel("best", [Sayer([take])], Taste({"": 9.0})), DRAWN)
    assert [piece.calls for piece in pieces] == [(call,)]


@pytest.mark.parametrize("how", ["error", "time", "count", "nan"])
async def test_when_the_scorer_fails_the_first_is_said_or_nothing(how: str) -> None:
    clock = ManualClock()
    taste = {
        "error": Taste(failure=ModelError("no mood")),
        "time": Taste(gate=asyncio.Event()),
        "count": Miscounting(),
        "nan": Taste({"a": math.nan}),
    }[how]
    for unscored in ("first", "fail"):
        model = BestOfModel(
            "best", [Sayer([choices("a", "bbb")])], taste, Choosing(seconds=5, unscored=unscored), clock=clock
        )
        task = asyncio.create_task(heard(model, DRAWN))
        await clock.advance(6)
        if unscored == "first":
            assert text(await task) == "a"
        else:
            with pytest.raises(ModelError, match="scorer 'taste' could not choose"):
                await task


class Miscounting(Taste):
    """Gives one score, whatever it is given."""

    async def score(self, conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
        return [1.0]


async def test_a_model_that_fails_is_left_out_and_all_that_fail_are_an_error() -> None:
    broken = Sayer([["begun", ModelError("down")]], name="broken")
    assert text(await heard(BestOfModel("best", [broken, Sayer([["a", END]])], Taste()), DRAWN)) == "a"
    with pytest.raises(ModelError, match=r"^down$"):
        await heard(BestOfModel("best", [broken], Taste()), DRAWN)
    with pytest.raises(ModelError, match=r"model 'broken': down; model 'mute': .*without a piece"):
        await heard(BestOfModel("best", [broken, Sayer([[]], name="mute")], Taste()), DRAWN)


async def test_whoever_leaves_stops_all_of_them() -> None:
    models = [Sayer([["a", asyncio.Event()]]) for _ in range(3)]
    task = asyncio.create_task(heard(BestOfModel("best", models, Taste()), DRAWN))
    await settle()
    assert [model.open for model in models] == [1, 1, 1]
    task.cancel()
    await settle()
    assert [model.open for model in models] == [0, 0, 0]


async def test_a_bug_in_one_model_stops_the_others_and_is_not_hidden() -> None:
    models = [Sayer([[ZeroDivisionError("oops")]]), Sayer([[asyncio.Event()]])]
    with pytest.raises(ZeroDivisionError):
        await heard(BestOfModel("best", models, Taste()), DRAWN)
    assert models[1].open == 0


async def test_it_opens_around_what_it_names(tmp_path: Path) -> None:
    models = {"a": Sayer([["a", END]], window=5), "b": Sayer([["bb", END]], window=9)}
    services = Services(name="mine", data=tmp_path, base=tmp_path, models=models, scorers={"s": Taste()})
    async with open_best_of(BestOfSettings(models=("a", "b"), scorer="s"), services) as model:
        assert (model.name, model.window, model.count("a b")) == ("mine", 5, 2)
        async with aclosing(model.stream(ASKED, DRAWN)) as pieces:
            assert (await anext(pieces)).text == "bb"
    with pytest.raises(ValueError, match="no models"):
        BestOfModel("best", [], Taste())


async def test_given_answers_come_back_in_order_with_their_scores() -> None:
    taste = Taste({"b": 3.0, "a": 1.0, "c": 3.0})
    ranked = await rerank(taste, ASKED, [answer(said) for said in ("a", "b", "c", "b")])
    assert [(one.candidate.text, one.score, one.index) for one in ranked] == [
        ("b", 3.0, 1),
        ("c", 3.0, 2),
        ("b", 3.0, 3),
        ("a", 1.0, 0),
    ]
    assert len(taste.seen[0]) == 3, "the same answer is scored once"
    assert await rerank(taste, ASKED, []) == []
