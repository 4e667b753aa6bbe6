from __future__ import annotations

import pytest

from rostra import Utterance
from rostra.attached import CUT
from rostra.chat import Role, Tool
from rostra.prompts import FRAME, NOTED, NOTES, OVERHEAD, TOOLS, budget_of, fit, recent


def words(text: str) -> int:
    return len(text.split())


def said(*texts: str) -> list[Utterance]:
    roles: tuple[Role, ...] = ("user", "assistant")
    return [Utterance(role=roles[number % 2], text=text) for number, text in enumerate(texts)]


def test_everything_that_fits_is_kept_in_order() -> None:
    prompt = fit("be kind", said("a", "b"), "c", budget=200, count=words)
    assert [(one.role, one.text) for one in prompt.messages] == [
        ("system", "be kind"),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]
    assert (prompt.tokens, prompt.forgotten, prompt.cut) == (5 + 4 * OVERHEAD + FRAME, 0, False)


def test_the_oldest_exchanges_go_first_and_whole() -> None:
    prompt = fit("", said("a", "b", "c", "d"), "e", budget=3 + 3 * OVERHEAD + FRAME, count=words)
    assert [one.text for one in prompt.messages] == ["c", "d", "e"]
    assert prompt.forgotten == 2


def test_a_question_that_is_too_long_is_cut_and_says_so() -> None:
    prompt = fit("be kind", said("a", "b"), "word " * 500, budget=140, count=words)
    asked = prompt.messages[-1].text
    assert prompt.cut
    assert asked.endswith(CUT)
    assert 60 < words(asked) <= 140 - FRAME - 2 * OVERHEAD
    assert [one.role for one in prompt.messages] == ["system", "user"]


def test_an_answer_without_its_question_is_left_out() -> None:
    history = said("lost", "orphan", "a", "b")[1:]
    prompt = fit("", history, "c", budget=500, count=words)
    assert [one.text for one in prompt.messages] == ["a", "b", "c"]
    assert prompt.forgotten == 1


def test_a_history_that_fits_no_more_keeps_at_least_half_of_its_room() -> None:
    history = said(*(f"{number} " * 20 for number in range(60)))
    budget = 600
    prompt = fit("", history, "next", budget=budget, count=words)
    kept = sum(words(one.text) + OVERHEAD for one in prompt.messages[:-1])
    room = budget - FRAME - budget // 8
    assert room * 0.5 <= kept <= room
    assert prompt.messages[0].role == "user"


def test_what_is_trimmed_depends_on_nothing_but_what_was_said_last() -> None:
    history = said(*(f"{number} " * 20 for number in range(60)))
    whole = fit("be kind", history, "next", budget=600, count=words)
    part = fit("be kind", history[-30:], "next", budget=600, count=words)
    assert whole.messages == part.messages


def test_notes_stand_between_the_system_prompt_and_the_history_and_are_not_the_systems() -> None:
    prompt = fit("be kind", said("a", "b"), "c", budget=500, count=words, notes="They like tea.")
    assert [(one.role, one.text) for one in prompt.messages] == [
        ("system", "be kind"),
        ("user", f"{NOTES}They like tea."),
        ("assistant", NOTED),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]
    assert prompt.forgotten == 0


def test_notes_give_way_to_the_question() -> None:
    prompt = fit("be kind", [], "word " * 500, budget=140, count=words, notes="They like tea.")
    assert [one.role for one in prompt.messages] == ["system", "user"]


def test_long_notes_are_cut_to_a_quarter_of_the_budget() -> None:
    prompt = fit("", said("a", "b"), "c", budget=400, count=words, notes="tea " * 300)
    assert prompt.messages[0].text.endswith(CUT)
    assert 60 < words(prompt.messages[0].text) <= 100


@pytest.mark.parametrize(
    ("window", "most", "budget"), [(4096, 512, 3584), (600, 512, 300), (100, 5000, 50), (2048, 1, 2047)]
)
def test_a_small_window_is_halved_between_the_prompt_and_its_answer(
    window: int, most: int, budget: int
) -> None:
    assert budget_of(window, most, count=words) == budget


def test_tools_count() -> None:
    tools = [Tool(name="look", description="Look something up.", parameters='{"type": "object"}')]
    assert budget_of(4096, 512, tools, count=words) == 3584 - TOOLS - 6 - 2 * OVERHEAD


def test_what_was_said_last_begins_where_it_began_for_some_time() -> None:
    history = said(*(f"{number}" for number in range(400)))
    starts: set[int] = set()
    for number in range(0, 320, 2):
        start = recent(history[number : number + 80], 80)
        assert 0 <= start <= 40
        starts.add(number + start)
    assert len(starts) < 40, "of 160"
    assert all(start % 2 == 0 for start in starts)
