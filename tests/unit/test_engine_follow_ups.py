"""What was read once is not read again: histories, system prompts, several answers to one question."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from small_models import Toy, answers, ask, said, threads

if TYPE_CHECKING:
    from rostra_models.engine import Engine

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Generator[None]:
    with threads(1):
        yield


HISTORY = [(at * 37) % 97 for at in range(2000)]


def an_engine(toy: Toy, tokens: int = 100_000) -> Engine:
    from rostra_models.engine import Engine

    return Engine(toy, window=4096, memory=tokens * toy.token_bytes, seats=8)


def test_a_follow_up_to_a_long_history_reads_only_what_is_new() -> None:
    toy = Toy()
    engine = an_engine(toy)
    first = answers(engine, [ask(0, HISTORY, 10)])[0, 0]
    assert (engine.figures.prefilled, engine.figures.cached, first.cached) == (2000, 0, 0)
    question = [5, 6, 7]
    second = answers(engine, [ask(1, [*HISTORY, *first.tokens, *question], 10)])[1, 0]
    assert second.tokens == said([*HISTORY, *first.tokens, *question], 10)
    assert second.cached == 2009  # the last token of an answer is said, not read
    assert engine.figures.prefilled == 2000 + 1 + 3
    assert engine.figures.cached == 2009


def test_a_conversation_taken_up_again_is_not_copied() -> None:
    toy = Toy()
    engine = an_engine(toy)
    tokens = HISTORY[:300]
    for number in range(10):
        tokens += [*answers(engine, [ask(number, tokens, 10)])[number, 0].tokens, number]
    assert engine.figures.prefilled == 300 + 9 * 2
    assert toy.copies == 0
    assert len(toy.notes) == 1


def test_a_follow_up_is_cut_where_it_would_be_without_a_history() -> None:
    toy = Toy()
    engine = an_engine(toy)
    first = answers(engine, [ask(0, HISTORY[:100], 10)])[0, 0].tokens
    toy.read.clear()
    answers(engine, [ask(1, [*HISTORY[:100], *first, *HISTORY[:60]], 1)])
    assert toy.read == [[128 - 109, 32, 10]]


def test_a_conversation_that_outgrows_its_memory_moves_to_a_larger_one() -> None:
    toy = Toy()
    engine = an_engine(toy)
    first = answers(engine, [ask(0, HISTORY[:100], 10)])[0, 0].tokens
    long = [*HISTORY[:100], *first, *HISTORY[:1500]]
    found = answers(engine, [ask(1, long, 10)])[1, 0]
    assert found.tokens == said(long, 10)
    assert found.cached == 96  # the whole portions of 109


def test_conversations_share_the_system_prompt_they_begin_with() -> None:
    toy = Toy()
    engine = an_engine(toy)
    system = HISTORY[:320]
    answers(engine, [ask(0, [*system, 1, 1], 5)])
    found = answers(engine, [ask(number, [*system, number, number], 5) for number in range(2, 9)])
    for number in range(2, 9):
        assert found[number, 0].cached == 320
        assert found[number, 0].tokens == said([*system, number, number], 5)
    assert engine.figures.prefilled == 322 + 7 * 2


def test_it_is_shared_with_those_who_still_talk_too() -> None:
    engine = an_engine(Toy())
    engine.submit(ask(0, [*HISTORY[:320], 1, 1], 50))
    engine.step()
    found = answers(engine, [ask(1, [*HISTORY[:320], 2, 2], 50)])
    assert found[1, 0].cached == 320
    assert found[1, 0].tokens == said([*HISTORY[:320], 2, 2], 50)


def test_too_short_a_beginning_is_not_worth_a_copy() -> None:
    toy = Toy()
    engine = an_engine(toy)
    answers(engine, [ask(0, HISTORY[:15], 1), ask(1, [*HISTORY[:15], 3], 1)])
    assert (engine.figures.cached, toy.copies) == (0, 0)


def test_the_same_question_again_reads_at_least_its_last_token() -> None:
    engine = an_engine(Toy())
    for number, cached in enumerate([0, 32, 32]):
        found = answers(engine, [ask(number, HISTORY[:33], 5)])[number, 0]
        assert (found.cached, found.tokens) == (cached, said(HISTORY[:33], 5))


def test_a_conversation_put_differently_goes_on_from_where_it_differs() -> None:
    engine = an_engine(Toy())
    answers(engine, [ask(0, HISTORY[:100], 20)])
    edited = [*HISTORY[:70], 1, 2, 3, *HISTORY[73:100]]
    found = answers(engine, [ask(1, edited, 20)])[1, 0]
    assert (found.cached, found.tokens) == (64, said(edited, 20))


def test_several_answers_need_one_reading() -> None:
    toy = Toy()
    engine = an_engine(toy)
    found = answers(engine, [ask(0, HISTORY[:100], 20, n=5)])
    assert engine.figures.prefilled == 100
    assert [found[0, choice].tokens for choice in range(5)] == [said(HISTORY[:100], 20)] * 5
    assert engine.figures.decoded == 100
    assert toy.copies == 4


def test_whichever_of_several_answers_was_taken_the_conversation_goes_on_from_it(tmp_path: Path) -> None:
    from rostra_models.engine import Engine
    from rostra_models.engine.loading import runner
    from rostra_models.testing import tiny_llama

    engine = Engine(runner(tiny_llama(tmp_path), kind="float32"), window=512, memory=10**9, seats=8)
    found = answers(engine, [ask(0, HISTORY[:50], 20, n=3, temperature=1.0)])
    assert len({tuple(answer.tokens) for answer in found.values()}) == 3
    for choice in range(3):
        tokens = [*HISTORY[:50], *found[0, choice].tokens, 9, 9]
        assert answers(engine, [ask(1, tokens, 5)])[1, 0].cached == 69


def test_a_conversation_keeps_its_cache_though_it_takes_more_than_half_of_the_memory() -> None:
    engine = an_engine(Toy(), tokens=3000)
    first = answers(engine, [ask(0, HISTORY, 10)])[0, 0].tokens
    assert answers(engine, [ask(1, [*HISTORY, *first, 5], 10)])[1, 0].cached == 2009


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_answers_of_a_model_are_the_same_with_and_without_what_it_remembers(
    kind: Any, tmp_path: Path
) -> None:
    from rostra_models.engine import Engine
    from rostra_models.engine.compiled import works
    from rostra_models.engine.loading import runner
    from rostra_models.testing import tiny_llama

    if kind == "int8" and not works():
        pytest.skip("this machine compiles no step")
    model = runner(tiny_llama(tmp_path), kind=kind)
    exact = 0.0 if kind == "int8" else 1e-4

    def fresh() -> Engine:
        return Engine(model, window=1024, memory=10**9, seats=8)

    engine, tokens = fresh(), HISTORY[:150]
    for number in range(4):
        asked = ask(number, tokens, 40)
        remembered, alone = answers(engine, [asked]), answers(fresh(), [asked])
        assert remembered[number, 0].tokens == alone[number, 0].tokens
        assert remembered[number, 0].logprobs == pytest.approx(alone[number, 0].logprobs, rel=0, abs=exact)
        assert remembered[number, 0].cached == (len(tokens) - 6 if number else 0)
        tokens = [*tokens, *alone[number, 0].tokens, *range(10, 15)]
