"""Judgments for tests of statistics, said in a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rostra.feedback.judged import Judged
from rostra.feedback.ranking import numbered, parse

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def ballot(text: str, answerers: Sequence[str], number: int = 0, **other: Any) -> Judged:
    """Return the judgment ``text`` of answers by ``answerers``, on a prompt of its own, by a rater of its own."""
    k = len(answerers)
    ranking = parse(text, k)
    said: dict[str, Any] = {
        "judgment": f"judgment-{number}",
        "task": f"task-{number}",
        "prompt": f"prompt-{number}",
        "rater": f"rater-{number}",
        "campaign": "campaign",
        "outcome": ranking.outcome,
        "candidates": tuple(f"{number}-{slot}" for slot in range(k)),
        "answerers": tuple(answerers),
        "tiers": numbered(ranking, k),
        "lengths": (100,) * k,
        "duration_ms": 20_000,
        "surface": "test",
        "propensity": None,
        "gold": False,
        "at": DAY + timedelta(minutes=number),
        "excluded": False,
        "loose": None if ranking.loose is None else ranking.loose + 1,
    }
    return Judged(**(said | other))


def duels(one: str, other: str, wins: int, losses: int, ties: int = 0, start: int = 0) -> Iterator[Judged]:
    """Yield ballots on two answers, every second one shown the other way round."""
    texts = ["A > B"] * wins + ["B > A"] * losses + ["A = B"] * ties
    for number, text in enumerate(texts, start=start):
        if number % 2:
            turned = text.translate(str.maketrans("AB", "BA")) if "=" not in text else text
            yield ballot(turned, (other, one), number)
        else:
            yield ballot(text, (one, other), number)
