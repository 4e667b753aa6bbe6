"""Who is answered when: seats, memory, places, portions of prompts, ends and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest
from small_models import Answers, Toy, after, answers, ask, collect, said, threads

from rostra.errors import ModelError

if TYPE_CHECKING:
    from rostra_models.engine import Engine

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Generator[None]:
    with threads(1):
        yield


def an_engine(toy: Toy, *, window: int = 2048, tokens: int = 100_000, seats: int = 32) -> Engine:
    """Return an engine with memory for so many ``tokens``."""
    from rostra_models.engine import Engine

    return Engine(toy, window=window, memory=tokens * toy.token_bytes, seats=seats)


def prompt(number: int, length: int) -> list[int]:
    """Return a prompt that begins unlike those of other numbers."""
    return [number % 97, *((number * 13 + at) % 89 for at in range(length - 1))]


def test_everybody_gets_the_whole_answer_to_their_own_question() -> None:
    engine = an_engine(Toy(), seats=5)
    lengths = [1, 2, 31, 32, 33, 64, 100, 500]
    found = answers(engine, [ask(number, prompt(number, length)) for number, length in enumerate(lengths)])
    for number, length in enumerate(lengths):
        assert found[number, 0].tokens == said(prompt(number, length), 8)
        assert found[number, 0].finish == "length"
    assert engine.figures.prefilled == sum(lengths)
    assert engine.figures.decoded == 8 * len(lengths)
    assert not engine.busy
    assert engine.step() == []


def test_an_end_stops_an_answer_and_is_no_part_of_it() -> None:
    expected = said(prompt(1, 20), 8)
    found = answers(an_engine(Toy()), [ask(1, prompt(1, 20), ends=frozenset({expected[5], 100}))])[1, 0]
    assert (found.tokens, found.finish) == (expected[:5], "stop")
    assert len(found.logprobs) == 5


def test_an_end_in_the_place_of_the_last_token_stops_it_too() -> None:
    expected = said(prompt(1, 20), 8)
    found = answers(an_engine(Toy()), [ask(1, prompt(1, 20), ends=frozenset({expected[7]}))])[1, 0]
    assert (found.tokens, found.finish) == (expected[:7], "stop")


def test_the_end_of_the_window_ends_an_answer() -> None:
    found = answers(an_engine(Toy(), window=50), [ask(1, prompt(1, 45), 100)])[1, 0]
    assert (found.tokens, found.finish) == (said(prompt(1, 45), 5), "length")


@pytest.mark.parametrize("length", [0, 50, 51])
def test_a_prompt_that_leaves_no_room_in_the_window_is_refused(length: int) -> None:
    engine = an_engine(Toy(), window=50)
    with pytest.raises(ModelError, match=rf"the prompt has {length} tokens; the window has 50"):
        engine.submit(ask(1, range(length)))
    assert not engine.busy


def test_what_could_never_fit_is_refused_with_figures() -> None:
    engine = an_engine(Toy(token_bytes=10**5), tokens=100)
    with pytest.raises(ModelError, match=r"needs 11.0 MB .* all may take 10.0 MB together"):
        engine.submit(ask(1, range(90), 20))
    with pytest.raises(ModelError, match=r"needs 12.0 MB .* all may take 10.0 MB together"):
        engine.submit(ask(1, range(20), 20, n=3))
    engine.submit(ask(1, range(80), 20))


def test_no_more_is_ever_held_than_memory_allows() -> None:
    toy = Toy()
    engine = an_engine(toy, tokens=400)
    for number in range(40):
        engine.submit(ask(number, prompt(number, 20 + number % 50), 5 + number % 40, n=1 + number % 3))
    most = 0
    found: Answers = {}
    while engine.busy:
        collect(found, engine.step())
        assert toy.held <= 400 * toy.token_bytes
        most = max(most, toy.held)
    assert all(answer.finish == "length" for answer in found.values())
    assert len(found) == sum(1 + number % 3 for number in range(40))
    assert most > 250 * toy.token_bytes  # and it is made use of


def test_no_more_are_answered_at_once_than_there_are_seats() -> None:
    toy = Toy()
    engine = an_engine(toy, seats=4)
    answers(engine, [ask(number, prompt(number, 5), 6, n=1 + number % 3) for number in range(20)])
    assert max(map(len, toy.read)) == 4


def test_one_that_wants_more_answers_than_there_are_seats_has_its_turn_alone() -> None:
    engine = an_engine(Toy(), seats=4)
    found = answers(engine, [ask(0, prompt(0, 5)), ask(1, prompt(1, 5), n=6), ask(2, prompt(2, 5))])
    assert len(found) == 8


def test_kept_caches_are_given_up_oldest_first() -> None:
    toy = Toy()
    engine = an_engine(toy, tokens=300)

    def kept() -> list[int]:
        return sorted(notes.tokens[0] for notes in toy.notes)

    for number in range(3):
        answers(engine, [ask(number, prompt(number, 80), 8)])  # 87 tokens of each are kept
    assert kept() == [0, 1, 2]
    answers(engine, [ask(3, prompt(3, 80), 8)])  # room for two of them beside it
    assert kept() == [1, 2, 3]
    follow_up = [*prompt(1, 80), *said(prompt(1, 80), 8), 1]
    answers(engine, [ask(4, follow_up, 30)])  # the oldest is used again, and grows
    answers(engine, [ask(5, prompt(5, 80), 8)])
    assert kept() == [1, 3, 5]


def test_a_place_with_a_crowd_does_not_hold_up_another() -> None:
    engine = an_engine(Toy(), seats=4)
    for number in range(50):
        engine.submit(ask(number, prompt(number, 10), 10, place="crowd"))
    engine.step()
    engine.submit(ask(99, prompt(99, 10), 10, place="alone"))
    found: Answers = {}
    while (99, 0) not in found or found[99, 0].finish is None:
        collect(found, engine.step())
    done = sum(answer.finish is not None for answer in found.values())
    assert done <= 9  # the four before it, and the four beside it


def test_seats_are_shared_evenly_between_places() -> None:
    engine = an_engine(Toy(), seats=6)
    for number in range(30):
        engine.submit(ask(number, prompt(number, 10), 1000, place="abc"[number // 10]))
    engine.step()
    places = Counter("abc"[made.id // 10] for made in engine.step())
    assert places == {"a": 2, "b": 2, "c": 2}


def test_running_answers_go_on_while_a_long_prompt_is_read() -> None:
    toy = Toy()
    engine = an_engine(toy)
    for number in range(3):
        engine.submit(ask(number, prompt(number, 10), 100))
    engine.step()
    engine.submit(ask(9, prompt(9, 500), 2))
    steps = 0
    while 9 not in (made := [one.id for one in engine.step()]):
        steps += 1
        assert made == [0, 1, 2]
        assert toy.read[-1] == [1, 1, 1, 32, 32]
    assert steps == 7  # 500 tokens are 16 portions, two a step


def test_an_idle_engine_reads_a_prompt_faster() -> None:
    engine = an_engine(Toy())
    engine.submit(ask(1, prompt(1, 500)))
    assert [made.id for made in engine.step()] == [1]


def test_a_short_question_gets_through_beside_a_long_prompt() -> None:
    engine = an_engine(Toy())
    engine.submit(ask(0, prompt(0, 10), 1000))
    engine.step()
    engine.submit(ask(1, prompt(1, 500)))
    engine.step()
    engine.submit(ask(2, prompt(2, 20)))
    order: list[int] = []
    for _ in range(40):
        order += [made.id for made in engine.step() if made.id not in {0, *order}]
    assert order == [2, 1]


def test_a_long_prompt_is_read_to_its_end_however_many_short_questions_come() -> None:
    engine = an_engine(Toy())
    engine.submit(ask(0, prompt(0, 10), 2000))
    engine.step()
    engine.submit(ask(1, prompt(1, 500), 1))
    made: list[int] = []
    for number in range(2, 40):
        engine.submit(ask(number, prompt(number, 20), 1))
        made += [one.id for one in engine.step()]
    assert 1 in made


def test_after_a_step_that_failed_it_can_be_cleared_and_goes_on() -> None:
    toy = Toy()
    engine = an_engine(toy)
    for number in range(40):
        engine.submit(ask(number, prompt(number, 40), 20))
    engine.step()
    toy.broken = True
    with pytest.raises(RuntimeError, match="out of memory"):
        engine.step()
    engine.clear()
    assert not engine.busy
    assert toy.held == 0
    toy.broken = False
    again = answers(engine, [ask(number, prompt(number, 40), 20) for number in range(40)])
    assert all(again[number, 0].tokens == said(prompt(number, 40), 20) for number in range(40))
    assert again[0, 0].cached == 0


def test_those_who_wait_come_in_the_order_they_came_and_places_by_turns() -> None:
    from rostra_models.engine.waiting import Waiting

    waiting = Waiting()
    for number, place in enumerate("aaabbc"):
        waiting.put(ask(number, [1], place=place))
    assert len(waiting) == 6
    order: list[int] = []
    while (one := waiting.next({})) is not None:
        waiting.take(one)
        order.append(one.id)
    assert order == [0, 3, 5, 1, 4, 2]
    assert len(waiting) == 0


def test_the_place_with_the_fewest_answers_in_the_making_is_next() -> None:
    from rostra_models.engine.waiting import Waiting

    waiting = Waiting()
    for number, place in enumerate("abc"):
        waiting.put(ask(number, [1], place=place))
    one = waiting.next({"a": 2, "b": 1, "c": 3})
    assert one is not None
    assert one.id == 1


def test_who_is_taken_out_of_the_queue_is_gone_and_the_others_keep_their_order() -> None:
    from rostra_models.engine.waiting import Waiting

    waiting = Waiting()
    for number in range(4):
        waiting.put(ask(number, [1], place="ab"[number % 2]))
    assert waiting.remove(2)
    assert not waiting.remove(2)
    assert waiting.remove(1)
    assert waiting.remove(3)
    left = waiting.next({})
    assert left is not None
    assert (left.id, len(waiting)) == (0, 1)


@pytest.mark.parametrize("length", [0, 1, 2, 15, 16, 17, 100])
def test_the_beginning_in_common_is_as_long_as_it_is(length: int) -> None:
    from rostra_models.engine.prefixes import common

    shared = list(range(length))
    assert common([*shared, 501], [*shared, 502, 503]) == length
    assert common(shared, [*shared, 7]) == length
    assert common(shared, shared) == length
    assert common([*shared, *range(900, 905)], [*shared, 1, *range(901, 905)]) == length


def test_the_toy_answers_as_it_says() -> None:
    assert said([1, 2, 3], 2) == [after([1, 2, 3]), after([1, 2, 3, after([1, 2, 3])])]


@pytest.mark.parametrize(("n", "max_tokens"), [(0, 5), (1, 0)])
def test_what_asks_for_nothing_is_refused(n: int, max_tokens: int) -> None:
    with pytest.raises(ModelError, match=f"^{n} answers of {max_tokens} tokens are none"):
        an_engine(Toy()).submit(ask(0, [1, 2, 3], max_tokens, n=n))
