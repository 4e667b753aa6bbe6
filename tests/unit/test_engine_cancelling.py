"""Whoever is cancelled, whenever, leaves nothing behind: no seat taken, no memory held, no other answer changed."""

from __future__ import annotations

import gc
from collections.abc import Generator
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from small_models import Answers, Toy, answers, ask, collect, said, threads

if TYPE_CHECKING:
    from rostra_models.engine import Engine

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Generator[None]:
    with threads(1):
        yield


ROOM, SEATS = 2000, 8
LIMIT = ROOM * 100


def an_engine(toy: Toy) -> Engine:
    from rostra_models.engine import Engine

    return Engine(toy, window=512, memory=LIMIT, seats=SEATS)


def held(engine: Engine, toy: Toy) -> int:
    """Return the bytes that are held, having looked that the limit and the seats are kept to."""
    inside: Any = engine
    assert toy.held <= LIMIT
    assert inside._prefixes.idle <= LIMIT
    if toy.read:
        assert sum(length == 1 for length in toy.read[-1]) <= SEATS + 1  # a portion may have one token too
    return toy.held


@pytest.mark.parametrize("cuts", [True, False])
def test_1000_conversations_cancelled_anywhere_leave_nothing_behind(cuts: bool) -> None:
    random, toy = Random(0), Toy(cuts=cuts)
    engine = an_engine(toy)
    system = [random.randrange(100) for _ in range(70)]
    prompts: dict[int, list[int]] = {}
    choices: dict[int, int] = {}
    cancelled: set[int | tuple[int, int]] = set()
    found: Answers = {}
    alive: list[int] = []
    number = 0
    while number < 1000 or engine.busy:
        for _ in range(random.randrange(4) if number < 1000 else 0):
            own = [random.randrange(100) for _ in range(random.choice([1, 20, 32, 100, 300]))]
            prompts[number] = [*system, *own] if random.random() < 0.5 else own
            choices[number] = random.choice([1, 1, 1, 2, 4])
            engine.submit(
                ask(
                    number,
                    prompts[number],
                    random.randrange(1, 30),
                    n=choices[number],
                    place=random.choice("abcd"),
                )
            )
            alive.append(number)
            number += 1
        if alive and random.random() < 0.1:
            gone = random.choice(alive[-30:])
            engine.cancel(gone)  # waiting, being read, being answered or long done
            cancelled.add(gone)
        if found and random.random() < 0.1:
            made = random.choice(list(found)[-30:])
            engine.cancel(*made)
            cancelled.add(made)
        new = engine.step()
        assert not any(one.id in cancelled or (one.id, one.choice) in cancelled for one in new)
        collect(found, new)
        held(engine, toy)
    for (one, choice), answer in found.items():
        assert answer.tokens == said(prompts[one], len(answer.tokens))
        assert answer.finish == "length" or {one, (one, choice)} & cancelled
    unanswered = {one for one in prompts if (one, 0) not in found}
    assert unanswered <= cancelled
    assert len([one for one in cancelled if isinstance(one, int)]) > 50

    inside: Any = engine
    assert not inside._seats
    assert not inside._readings
    gc.collect()
    assert toy.held == inside._prefixes.idle  # nobody holds what the engine does not count
    toy.read.clear()
    fresh = [[one, *range(1, 80)] for one in range(SEATS)]
    again = answers(engine, [ask(one, prompt, 150) for one, prompt in enumerate(fresh)])
    assert [1] * SEATS in toy.read  # all seats at once, with nearly all memory
    assert [again[one, 0].tokens for one in range(SEATS)] == [said(prompt, 150) for prompt in fresh]
    engine.clear()
    gc.collect()
    assert toy.held == 0


@pytest.mark.parametrize("steps", range(12))
def test_cancelling_after_any_step_frees_the_seat_and_the_memory_at_once(steps: int) -> None:
    toy = Toy()
    from rostra_models.engine import Engine

    engine = Engine(toy, window=512, memory=400 * 100, seats=1)
    engine.submit(ask(0, range(60), 300))  # nothing fits beside it
    engine.submit(ask(1, range(60, 100), 300))
    for _ in range(steps):
        engine.step()
    engine.cancel(0)
    made = engine.step()
    assert [one.id for one in made] == [1]


def test_one_choice_of_several_is_given_up_and_the_others_go_on() -> None:
    engine = an_engine(Toy())
    engine.submit(ask(0, range(20), 10, n=3))
    found: Answers = {}
    for _ in range(3):
        collect(found, engine.step())
    engine.cancel(0, 1)
    while engine.busy:
        collect(found, engine.step())
    assert {choice: len(answer.tokens) for (_, choice), answer in found.items()} == {0: 10, 1: 3, 2: 10}


def test_who_waits_may_go_and_a_stranger_is_no_mistake() -> None:
    engine = an_engine(Toy())
    for number in range(SEATS + 2):
        engine.submit(ask(number, [number, 1, 2], 5))
    engine.step()
    engine.cancel(SEATS)
    engine.cancel(77)
    engine.cancel(77, 2)
    assert sorted({number for number, _ in answers(engine)}) == [*range(SEATS), SEATS + 1]
