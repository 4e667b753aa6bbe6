from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rostra import Utterance
from rostra.prompts import CUT, OVERHEAD, fit


def words(text: str) -> int:
    return len(text.split())


def said(*texts: str) -> list[Utterance]:
    roles = ("user", "assistant")
    return [Utterance(role=roles[number % 2], text=text) for number, text in enumerate(texts)]


def test_everything_that_fits_is_kept_in_order() -> None:
    prompt = fit("be kind", said("a", "b"), "c", budget=100, count=words)
    assert [(one.role, one.text) for one in prompt.messages] == [
        ("system", "be kind"),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]
    assert (prompt.tokens, prompt.forgotten, prompt.cut) == (5 + 4 * OVERHEAD, 0, False)


def test_the_oldest_exchanges_go_first_and_whole() -> None:
    prompt = fit("", said("a", "b", "c", "d"), "e", budget=3 + 3 * OVERHEAD, count=words)
    assert [one.text for one in prompt.messages] == ["c", "d", "e"]
    assert prompt.forgotten == 2


def test_a_question_that_is_too_long_is_cut_and_says_so() -> None:
    prompt = fit("be kind", said("a", "b"), "word " * 500, budget=100, count=words)
    asked = prompt.messages[-1].text
    assert prompt.cut
    assert asked.endswith(CUT)
    assert 60 < words(asked) <= 100
    assert [one.role for one in prompt.messages] == ["system", "user"]


@given(
    st.lists(st.text(max_size=30), max_size=12),
    st.text(max_size=200),
    st.integers(min_value=60, max_value=400),
)
def test_a_prompt_never_exceeds_its_budget(texts: list[str], question: str, budget: int) -> None:
    prompt = fit("system", said(*texts), question, budget=budget, count=words)
    assert sum(words(one.text) + OVERHEAD for one in prompt.messages) == prompt.tokens <= budget
    assert prompt.messages[1:-1] == tuple(said(*texts))[prompt.forgotten :]
