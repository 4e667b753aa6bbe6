"""A judgment as statistics and datasets read it: who found what better, and everything a figure rests on, without any text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from .ranking import Outcome, Ranking, from_numbers, pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One judgment. All that is said of candidates stands in the order in which this rater was shown them.

    ``prompt`` is a keyed hash of the question: what belongs to one cluster, and to one side of a split. ``rater`` is a
    pseudonym. ``answerers`` names who wrote each candidate, empty where that was a person. ``tiers`` has 1 for the best, and
    None for what was not compared; candidates in the tier with the number ``loose`` were not compared with one another, so
    they are no ties (`compared` gets that right). ``lengths`` are characters. ``propensity`` is the probability with which
    active selection picked the task, None in the uniform slice. ``gold`` says that the right ranking was known beforehand.
    ``excluded`` says that quality control took it out, which can be undone.

    ``batch``, ``adapter`` and ``workspace`` (a pseudonym) say what it is about and where it came from; ``revision`` counts
    from 1; ``is_author`` says that the rater asked the question.
    """

    judgment: str
    task: str
    prompt: str
    rater: str
    campaign: str
    outcome: Outcome
    candidates: tuple[str, ...]
    answerers: tuple[str, ...]
    tiers: tuple[int | None, ...]
    lengths: tuple[int, ...]
    duration_ms: int
    surface: str
    propensity: float | None
    gold: bool
    at: datetime
    excluded: bool
    loose: int | None = None
    batch: str = ""
    adapter: str = ""
    workspace: str = ""
    revision: int = 1
    is_author: bool = False

    @property
    def ranking(self) -> Ranking:
        """The ranking by slots, in the order shown."""
        return from_numbers(self.outcome, self.tiers, self.loose)


def compared(judged: Judged) -> Iterator[tuple[int, int, int]]:
    """Yield every pair that was compared, once: (better slot, worse slot, tiers between) or (slot, slot, 0) for a tie."""
    return pairs(judged.ranking)
