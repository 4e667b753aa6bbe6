"""Answers to one question in the order that a scorer gives them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rostra.chat import Utterance
from rostra.errors import ModelError
from rostra.protocols import Scorer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate, its score, and its place among the candidates that were given."""

    candidate: Utterance
    score: float
    index: int


async def rerank(
    scorer: Scorer, messages: Sequence[Utterance], candidates: Sequence[Utterance]
) -> Sequence[Ranked]:
    """Return ``candidates``, which answer ``messages``, the best first; those with the same score as they were.

    The same candidate twice is scored once. Raises `ModelError`, also where the scorer gives anything but a number for
    each.
    """
    if not candidates:
        return []
    distinct = list(dict.fromkeys(candidates))
    scores = await scorer.score([(*messages, candidate) for candidate in distinct])
    if len(scores) != len(distinct):
        raise ModelError(f"scorer {scorer.name!r} gave {len(scores)} scores for {len(distinct)} answers")
    if not all(math.isfinite(score) for score in scores):
        raise ModelError(f"scorer {scorer.name!r} gave a score that is no number")
    given = dict(zip(distinct, scores, strict=True))
    ranked = [
        Ranked(candidate=candidate, score=float(given[candidate]), index=index)
        for index, candidate in enumerate(candidates)
    ]
    return sorted(ranked, key=lambda one: -one.score)
