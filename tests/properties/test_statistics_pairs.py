"""The arrays that statistics work on hold the pairs that the rankings hold, and each once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from rostra.feedback.judged import Judged, compared
from rostra.feedback.statistics.agreement import signs
from rostra.feedback.statistics.contests import Contests, contests


@st.composite
def judgments(draw: st.DrawFn) -> Judged:
    k = draw(st.integers(2, 6))
    numbers = draw(st.lists(st.none() | st.integers(1, 4), min_size=k, max_size=k))
    used = sorted({number for number in numbers if number is not None})
    if sum(number is not None for number in numbers) < 2:
        numbers, used = [1] * k, [1]
    loose = draw(st.none() | st.sampled_from(used)) if len(used) > 1 else None
    seed = draw(st.integers(0, 1000))
    return Judged(
        judgment=f"judgment-{seed}",
        task=f"task-{seed}",
        prompt=f"prompt-{seed % 7}",
        rater=f"rater-{seed % 3}",
        campaign="campaign",
        outcome="ranked",
        candidates=tuple(map(str, range(k))),
        answerers=tuple(draw(st.lists(st.sampled_from("abcdef"), min_size=k, max_size=k))),
        tiers=tuple(numbers),
        lengths=tuple(draw(st.lists(st.integers(0, 5000), min_size=k, max_size=k))),
        duration_ms=1,
        surface="test",
        propensity=None,
        gold=False,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        excluded=False,
        loose=loose,
    )


def said(arena: Contests) -> Counter[tuple[str, str, float]]:
    """Return the comparisons as (better or first shown, other, score)."""
    found: Counter[tuple[str, str, float]] = Counter()
    for at, score in enumerate(arena.score.tolist()):
        one, other = arena.names[int(arena.first[at])], arena.names[int(arena.second[at])]
        if score == 0:
            one, other = other, one
        found[(min(one, other), max(one, other), 0.5) if score == 0.5 else (one, other, 1.0)] += 1
    return found


@given(st.lists(judgments(), max_size=8))
def test_comparisons_are_the_pairs_of_the_rankings_and_those_of_a_ballot_weigh_one(
    judged: list[Judged],
) -> None:
    wanted: Counter[tuple[str, str, float]] = Counter()
    for one in judged:
        for better, worse, gap in compared(one):
            names = one.answerers[better], one.answerers[worse]
            low, high = sorted(names)
            wanted[(*names, 1.0) if gap else (low, high, 0.5)] += 1

    arena = contests(judged)
    assert said(arena) == wanted
    for number in range(len(arena.judgments)):
        mine = arena.ballot == number
        assert not mine.any() or abs(arena.weight[mine].sum() - 1) < 1e-9


@given(judgments(), st.integers(0, 100))
def test_a_shuffled_screen_says_the_same(judged: Judged, seed: int) -> None:
    order = list(range(len(judged.tiers)))
    Random(seed).shuffle(order)
    shuffled = replace(
        judged,
        **{
            name: tuple(getattr(judged, name)[slot] for slot in order)
            for name in ("candidates", "answerers", "tiers", "lengths")
        },
    )

    assert said(contests([judged])) == said(contests([shuffled]))


@given(judgments())
def test_signs_are_the_pairs_by_candidate(judged: Judged) -> None:
    wanted: dict[tuple[str, str], int] = {}
    for better, worse, gap in compared(judged):
        one, other = judged.candidates[better], judged.candidates[worse]
        wanted[min(one, other), max(one, other)] = 0 if not gap else 1 if one < other else -1

    assert signs(judged) == wanted
