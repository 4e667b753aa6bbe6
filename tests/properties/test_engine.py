"""What an engine promises to everybody it answers: that nobody's answer depends on who else is there."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra_models.testing import tiny_llama

if TYPE_CHECKING:
    from rostra_models.engine import Engine, Request
    from rostra_models.engine.runner import Runner

pytestmark = pytest.mark.slow

LENGTHS = st.sampled_from([1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 100, 129])
Spoken = dict[tuple[int, int], list[tuple[int | None, float | None, str | None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, after how many steps it comes and after how many more it is cancelled, and with what before it."""

    length: int
    max_tokens: int
    temperature: float
    top_p: float
    penalty: float
    n: int
    seed: int
    after: int
    cancelled: int | None
    place: str
    system: int


def asked(systems: st.SearchStrategy[int]) -> st.SearchStrategy[Asked]:
    return st.builds(
        Asked,
        length=LENGTHS | st.integers(1, 140),
        max_tokens=st.integers(1, 24),
        temperature=st.sampled_from([0.0, 0.6, 1.0, 1.5]),
        top_p=st.sampled_from([0.3, 0.9, 1.0]),
        penalty=st.sampled_from([1.0, 1.2]),
        n=st.sampled_from([1, 1, 2, 3]),
        seed=st.integers(0, 2**32),
        after=st.integers(0, 20),
        cancelled=st.none() | st.integers(0, 20),
        place=st.sampled_from("ab"),
        system=systems,
    )


def request(number: int, one: Asked) -> Request:
    from rostra_models.engine import Request

    random = Random(number)
    return Request(
        id=number,
        tokens=[*range(3, 3 + one.system), *(random.randrange(3, 250) for _ in range(one.length))],
        max_tokens=one.max_tokens,
        temperature=one.temperature,
        top_p=one.top_p,
        seed=one.seed,
        n=one.n,
        penalty=one.penalty,
        place=one.place,
    )


def fresh(runner: Runner, seats: int = 32) -> Engine:
    from rostra_models.engine import Engine

    return Engine(runner, window=1024, memory=10**9, seats=seats)


def all_at_once(engine: Engine, questions: Sequence[Asked], *, cancels: bool) -> Spoken:
    """Put the questions when they come and return what was said to each."""
    found: Spoken = {}
    step = 0
    while engine.busy or step <= 40:
        for number, one in enumerate(questions):
            if one.after == step:
                engine.submit(request(number, one))
            if cancels and one.cancelled is not None and one.after + one.cancelled == step:
                engine.cancel(number)
        for made in engine.step():
            found.setdefault((made.id, made.choice), []).append((made.token, made.logprob, made.finish))
        step += 1
    assert not engine.busy
    return found


def by_itself(runner: Runner, number: int, one: Asked) -> Spoken:
    """Put one question to an engine that knows nobody else."""
    engine = fresh(runner)
    engine.submit(request(number, one))
    found: Spoken = {}
    while engine.busy:
        for made in engine.step():
            found.setdefault((made.id, made.choice), []).append((made.token, made.logprob, made.finish))
    return found


@pytest.fixture(scope="module")
def runners(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, Any]]:
    import torch

    from rostra_models.engine.compiled import works
    from rostra_models.engine.loading import runner

    folder = tiny_llama(tmp_path_factory.mktemp("tiny"))
    if not works():
        pytest.skip("this machine compiles no step")
    kinds: tuple[Literal["int8", "float32"], ...] = ("int8", "float32")
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # more than there are free cores wait for one another most of the time
    yield {kind: runner(folder, kind=kind) for kind in kinds}
    torch.set_num_threads(before)


@given(
    questions=st.lists(asked(st.just(0)), min_size=1, max_size=6),
    seats=st.sampled_from([3, 32]),
    cancels=st.booleans(),
)
@settings(max_examples=25)
def test_in_8_bits_company_changes_no_bit_of_an_answer(
    runners: dict[str, Any], questions: list[Asked], seats: int, cancels: bool
) -> None:
    together = all_at_once(fresh(runners["int8"], seats), questions, cancels=cancels)
    for number, one in enumerate(questions):
        stopped = cancels and one.cancelled is not None
        for key, said in by_itself(runners["int8"], number, one).items():
            heard = together.get(key, [])
            assert heard == (said[: len(heard)] if stopped else said)


@given(
    questions=st.lists(asked(st.sampled_from([20, 32, 50, 64, 70])), min_size=2, max_size=6),
    cancels=st.booleans(),
)
@settings(max_examples=15)
def test_in_8_bits_nor_does_a_beginning_that_others_read_before(
    runners: dict[str, Any], questions: list[Asked], cancels: bool
) -> None:
    together = all_at_once(fresh(runners["int8"]), questions, cancels=cancels)
    for number, one in enumerate(questions):
        stopped = cancels and one.cancelled is not None
        for key, said in by_itself(runners["int8"], number, one).items():
            heard = together.get(key, [])
            assert heard == (said[: len(heard)] if stopped else said)


@given(questions=st.lists(asked(st.sampled_from([0, 0, 50])), min_size=1, max_size=6))
@settings(max_examples=10)
def test_in_32_bits_company_changes_no_more_than_rounding_does(
    runners: dict[str, Any], questions: list[Asked]
) -> None:
    questions = [replace(one, temperature=0.0, penalty=1.0) for one in questions]
    together = all_at_once(fresh(runners["float32"]), questions, cancels=False)
    for number, one in enumerate(questions):
        for key, said in by_itself(runners["float32"], number, one).items():
            heard = together[key]
            assert [token for token, _, _ in heard] == [token for token, _, _ in said]
            assert [logprob for _, logprob, _ in heard] == pytest.approx(
                [logprob for _, logprob, _ in said], abs=1e-4
            )


@given(one=asked(st.just(0)), n=st.integers(2, 5))
@settings(max_examples=10)
def test_each_of_several_answers_is_the_one_that_its_seed_gives_alone(
    runners: dict[str, Any], one: Asked, n: int
) -> None:
    together = by_itself(runners["int8"], 0, replace(one, n=n))
    for choice in range(n):
        alone = by_itself(runners["int8"], 0, replace(one, n=1, seed=one.seed + choice))
        assert together[0, choice] == alone[0, 0]


@given(one=asked(st.just(0)), turns=st.lists(st.integers(1, 40), min_size=1, max_size=3))
@settings(max_examples=10)
def test_in_8_bits_a_follow_up_is_answered_as_if_nothing_were_remembered(
    runners: dict[str, Any], one: Asked, turns: list[int]
) -> None:
    engine = fresh(runners["int8"])
    tokens = list(request(0, one).tokens)
    for number, length in enumerate(turns):
        asked_now: Request = replace(request(number, replace(one, n=1)), tokens=tokens)
        remembered, alone = (heard(one_of, asked_now) for one_of in (engine, fresh(runners["int8"])))
        assert remembered == alone
        random = Random(length)
        tokens = [*tokens, *(token for token, _, _ in alone if token is not None)]
        tokens += [random.randrange(3, 250) for _ in range(length)]


def heard(engine: Engine, question: Request) -> list[tuple[int | None, float | None, str | None]]:
    """Return what an engine says to one question."""
    engine.submit(question)
    said: list[tuple[int | None, float | None, str | None]] = []
    while engine.busy:
        said += [(made.token, made.logprob, made.finish) for made in engine.step()]
    return said
