"""How often one model's answers are better than another's, by rewards and by a judge, with a question counting once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from ..intervals import Interval, mean_of, share_of
from .judge import Opinion

Rewards = Sequence[Sequence[float]]
"""Of the answers to each question."""


def outcomes(a: Rewards, b: Rewards) -> tuple[list[float], list[int]]:
    """Return 1 where b's answer has more reward than a's, ½ where as much, for all pairs of answers to a question, and the questions' numbers."""
    found: list[float] = []
    questions: list[int] = []
    for number, (ours, theirs) in enumerate(zip(a, b, strict=True)):
        for one, other in product(ours, theirs):
            found.append(0.5 + float(np.sign(other - one)) / 2)
            questions.append(number)
    return found, questions


def by_reward(name: str, a: Rewards, b: Rewards) -> dict[str, float]:
    """Return figures of two models' rewards: how often b wins, by how much in standard deviations of a's, and both means."""
    won, questions = outcomes(a, b)
    spread = float(np.std([one for each in a for one in each], ddof=1)) if sum(map(len, a)) > 1 else 0.0
    gains = [
        float(np.mean(theirs) - np.mean(ours)) / (spread or 1.0) for ours, theirs in zip(a, b, strict=True)
    ]
    return {
        **share_of(won, questions).named(f"win_rate_{name}"),
        f"reward_{name}_a": float(np.mean([one for each in a for one in each])),
        f"reward_{name}_b": float(np.mean([one for each in b for one in each])),
        f"reward_{name}_sd_a": spread,
        **mean_of(gains).named(f"gain_{name}"),
    }


def by_judge(opinions: Sequence[Opinion], questions: Sequence[int]) -> dict[str, float]:
    """Return figures of a judge: how often b wins, and how far it is to be believed.

    ``judge_agreed`` is how often it said the same with the answers swapped, ``judge_first`` how often it chose the first of two
    where it chose (½ is right), and ``judge_unreadable`` how often a reply was none.
    """
    won = share_of([one.b_won for one in opinions], questions)
    replies = [reply for one in opinions for reply in one.replies]
    chosen = [reply for reply in replies if reply in {"A", "B"}]
    return {
        **won.named("win_rate_judge"),
        "judge_agreed": float(np.mean([one.agreed for one in opinions])),
        "judge_first": float(np.mean([reply == "A" for reply in chosen])) if chosen else 0.5,
        "judge_unreadable": float(np.mean([reply is None for reply in replies])),
    }


def paired(name: str, a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return the means of something in a's and b's answers, and how much more b has of it, with its interval over questions."""
    ours, theirs = ([float(np.mean(one)) for one in side] for side in (a, b))
    more: Interval = mean_of([other - one for one, other in zip(ours, theirs, strict=True)])
    return {
        f"{name}_a": float(np.mean(ours)),
        f"{name}_b": float(np.mean(theirs)),
        **more.named(f"{name}_more"),
    }
