"""How a token is drawn from logits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest
from small_models import ask, listed, threads, torch_seed

if TYPE_CHECKING:
    from torch import Tensor

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Generator[None]:
    with threads(1):
        yield


def logits(rows: int = 1, vocabulary: int = 200) -> Tensor:
    with torch_seed(3) as torch:
        found: Tensor = torch.randn(rows, vocabulary) * 2
        return found


def drawn(row: Tensor, count: int, **how: Any) -> list[int]:
    """Draw from the same logits, with another seed each time."""
    from rostra_models.engine.sampler import Drawer

    return [Drawer(ask(0, [1], seed=seed, **how), 0).draw(row.numpy()) for seed in range(count)]


def test_the_likeliest_token_is_taken_at_temperature_0() -> None:
    row = logits()[0]
    assert set(drawn(row, 5)) == {int(row.argmax())}


def test_log_probabilities_are_those_of_the_logits_as_they_are() -> None:
    import torch

    from rostra_models.engine.sampler import Drawer, draw

    rows = logits(4)
    how: list[dict[str, Any]] = [
        {},
        {"temperature": 0.3},
        {"temperature": 2.0, "top_p": 0.5},
        {"penalty": 1.5},
    ]
    drawers = [Drawer(ask(number, [1], **one), 0) for number, one in enumerate(how)]
    expected = torch.log_softmax(rows, -1)
    for _ in range(5):
        for row, (token, logprob) in enumerate(draw(rows, drawers)):
            assert logprob == pytest.approx(float(expected[row, token]), abs=1e-5)
    assert all(len(drawer.said) == 5 for drawer in drawers)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_their_odds_at_the_temperature(temperature: float) -> None:
    import torch

    row = torch.tensor([2.0, 1.0, 0.0, -1.0])
    odds = listed(torch.softmax(row / temperature, -1))
    counts = Counter(drawn(row, 4000, temperature=temperature))
    for token, odd in enumerate(odds):
        assert counts[token] / 4000 == pytest.approx(odd, abs=4 * math.sqrt(odd * (1 - odd) / 4000))


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("temperature", [0.7, 1.0, 8.0])  # at 8 more than 64 tokens are in the larger ones
def test_only_the_smallest_set_of_likeliest_tokens_with_enough_odds_is_drawn_from(
    top_p: float, temperature: float
) -> None:
    import torch

    row = logits()[0]
    odds, order = torch.softmax(row.double() / temperature, -1).sort(descending=True)
    size = next(size for size in range(1, 201) if float(odds[:size].sum()) >= top_p)
    nucleus = set(listed(order[:size]))
    got = set(drawn(row, 400, temperature=temperature, top_p=top_p))
    assert got <= nucleus
    assert len(got) > min(size, 8) // 2


@pytest.mark.parametrize("top_p", [0.0, 1e-9])
def test_the_likeliest_token_is_always_among_them(top_p: float) -> None:
    row = logits()[0]
    assert set(drawn(row, 20, temperature=1.0, top_p=top_p)) == {int(row.argmax())}


@pytest.mark.parametrize("temperature", [1e-300, 1e-30, 1e-3])
def test_the_colder_the_more_only_the_likeliest_is_drawn(temperature: float) -> None:
    row = logits()[0]
    for top_p in (0.9, 1.0):
        assert set(drawn(row, 5, temperature=temperature, top_p=top_p)) == {int(row.argmax())}


def test_what_cannot_be_is_never_drawn() -> None:
    import torch

    row = torch.full((300,), -torch.inf)
    row[[7, 299]] = 1.0
    assert set(drawn(row, 50, temperature=1.0)) == {7, 299}
    assert set(drawn(row, 50, temperature=1.0, top_p=0.99)) == {7, 299}


def test_a_random_number_falls_on_the_token_whose_share_it_is_in() -> None:
    import numpy as np

    from rostra_models.engine import sampler

    inside: Any = sampler

    odds = np.array([0.25, 0.0, 0.5, 0.25])
    shares = {0.0: 0, 0.2499: 0, 0.25: 2, 0.7499: 2, 0.75: 3, 0.999999: 3}
    assert {number: inside._inside(odds, 1.0, number) for number in shares} == shares
    assert inside._at(odds.cumsum(0), 1.0) == 3  # rounding never leads beyond the last
    assert [inside._inside(odds, 0.5, number) for number in (0.0, 0.5, 0.99)] == [2, 2, 2]


def test_one_seed_gives_one_answer_and_choices_count_it_up() -> None:
    from rostra_models.engine.sampler import Drawer

    row = logits()[0]

    def said(seed: int, choice: int) -> list[int]:
        drawer = Drawer(ask(0, [1], temperature=1.0, seed=seed), choice)
        return [drawer.draw(row.numpy()) for _ in range(20)]

    assert said(5, 0) == said(5, 0)
    assert said(5, 2) == said(7, 0)
    assert said(5, 0) != said(6, 0)


def test_what_was_said_is_made_less_likely_whatever_its_sign() -> None:
    import numpy as np

    from rostra_models.engine.sampler import penalized

    row = np.array([2.0, -2.0, 0.0, 1.0])
    assert listed(penalized(row, [0, 1, 1, 2], 2.0)) == [1.0, -4.0, 0.0, 1.0]
    assert listed(row) == [2.0, -2.0, 0.0, 1.0]


def test_a_penalty_turns_a_greedy_answer_away_from_what_it_said() -> None:
    import torch

    from rostra_models.engine.sampler import REMEMBERED, Drawer, draw

    rows = torch.zeros(1, 1000)
    rows[0, :3] = torch.tensor([2.0, 1.8, 1.6])
    drawer = Drawer(ask(0, [1], penalty=1.5), 0)
    assert [draw(rows, [drawer])[0][0] for _ in range(3)] == [0, 1, 2]
    drawer.said = [0] + [5] * REMEMBERED  # so long ago that it may be said again
    assert draw(rows, [drawer])[0][0] == 0


def test_drawing_for_some_does_not_change_what_others_draw() -> None:
    from rostra_models.engine.sampler import Drawer, draw

    rows = logits(6)

    def drawers() -> list[Drawer]:
        return [
            Drawer(ask(number, [1], temperature=number / 3, top_p=0.9, penalty=1.1, seed=9), 0)
            for number in range(6)
        ]

    together, alone = drawers(), drawers()
    for _ in range(5):
        found = draw(rows, together)
        assert found == [draw(rows[[row]], [alone[row]])[0] for row in range(6)]
