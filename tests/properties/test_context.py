"""Over a long conversation prompts stay in their budget, whole, and mostly go on from the one before."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.attached import joined
from rostra.chat import Utterance
from rostra.events import Attachment
from rostra.prompts import FRAME, OVERHEAD, Prompt, fit, recent

SYSTEM = "You are a helpful assistant."
RECALLED = 80


def letters(text: str) -> int:
    return -(-len(text) // 4)


def conversation(
    rng: random.Random, exchanges: int, *, words: int = 60, attached: float = 0.0
) -> list[Utterance]:
    """Return what somebody said and was told; now and then with a long attachment."""
    said: list[Utterance] = []
    for number in range(exchanges):
        asked = f"{number}: " + "why " * rng.randint(1, words)
        if rng.random() < attached:
            text = f"page {number} " * rng.randint(10, 5_000)
            asked = joined(asked, [Attachment(name="a.txt", media_type="text/plain", size=1, text=text)])
        said.append(Utterance(role="user", text=asked))
        said.append(Utterance(role="assistant", text=f"{number}. " + "so " * int(rng.lognormvariate(4, 0.8))))
    return said


def prompts(said: Sequence[Utterance], *, budget: int, recalled: int = RECALLED) -> Iterator[Prompt]:
    """Yield the prompt of each question, made of nothing but the last utterances before it."""
    for number in range(0, len(said), 2):
        history = said[max(0, number - recalled) : number]
        history = history[recent(history, recalled) :]
        yield fit(SYSTEM, history, said[number].text, budget=budget, count=letters)


def extends(before: Prompt, after: Prompt) -> bool:
    return after.messages[: len(before.messages)] == before.messages


@given(
    st.integers(0, 2**32), st.integers(250, 4_000), st.sampled_from([8, 40, 80]), st.sampled_from([0.0, 0.2])
)
@settings(max_examples=25, deadline=None)
def test_every_prompt_is_whole_and_in_its_budget(
    seed: int, budget: int, recalled: int, attached: float
) -> None:
    said = conversation(random.Random(seed), 40, attached=attached)
    for number, prompt in enumerate(prompts(said, budget=budget, recalled=recalled)):
        assert sum(letters(one.text) + OVERHEAD for one in prompt.messages) + FRAME == prompt.tokens <= budget
        system, *past, asked = prompt.messages
        assert (system.role, system.text) == ("system", SYSTEM)
        assert asked.text[:40] == said[2 * number].text[:40]
        before = said[2 * number - len(past) : 2 * number]
        assert len(past) % 2 == 0
        assert [(one.role, one.text[:40]) for one in past] == [(one.role, one.text[:40]) for one in before]


@pytest.mark.parametrize(("budget", "least"), [(1_500, 0.65), (3_500, 0.8), (30_000, 0.85)])
def test_most_questions_go_on_from_the_prompt_before(budget: int, least: float) -> None:
    said = conversation(random.Random(1), 400)
    made = list(prompts(said, budget=budget))
    assert all(len(prompt.messages) - 2 < 2 * number for number, prompt in enumerate(made) if number > 40)
    share = sum(extends(before, after) for before, after in pairwise(made)) / (len(made) - 1)
    assert share >= least


def test_a_question_about_an_attachment_goes_on_from_the_prompt_with_it() -> None:
    text = "\n".join(f"line {number} of the report" for number in range(5_000))
    report = Attachment(name="report.txt", media_type="text/plain", size=len(text), text=text)
    said = [
        Utterance(role="user", text=joined("What does it say?", [report])),
        Utterance(role="assistant", text="It has lines."),
        Utterance(role="user", text="How many?"),
    ]
    first, second = prompts(said, budget=3_500)
    assert first.cut
    assert "characters of report.txt are above" in first.messages[-1].text
    assert extends(first, second)


@given(st.integers(0, 2**32), st.integers(300, 3_000))
@settings(max_examples=25, deadline=None)
def test_the_same_conversation_is_trimmed_alike_however_much_of_it_is_recalled(
    seed: int, budget: int
) -> None:
    said = conversation(random.Random(seed), 60)
    whole = fit(SYSTEM, said, "next", budget=budget, count=letters)
    for recalled in range(2 * 59, 2 * 40, -2):
        part = fit(SYSTEM, said[-recalled:], "next", budget=budget, count=letters)
        if part.forgotten:
            assert part.messages == whole.messages
