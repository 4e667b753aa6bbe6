"""From rankings to pairs: which ones, how much each weighs, and what several raters say of one pair together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, TypeAlias, get_args

from ..ranking import pairs
from .record import Answer, Record

How: TypeAlias = Literal["all", "best-worst", "adjacent", "one-random"]
"""All pairs; those of the best with the worst tier; those of neighbouring tiers; one drawn by the judgment's id."""

HOWS: tuple[How, ...] = get_args(How)

DIGITS = 9
"""Digits of weights and shares behind the point: the same on every machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One comparison out of ``record``: ``gap`` tiers lie between the answers' places, 0 is a tie.

    ``count`` pairs come from this judgment, and weigh as much as it together.
    """

    record: Record
    better: Answer
    worse: Answer
    gap: int
    count: int

    @property
    def weight(self) -> float:
        """What this pair weighs: the judgment's weight, shared by its pairs."""
        return round(self.record.weight / self.count, DIGITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Soft:
    """What all raters of one batch say of two answers: ``share`` of them, a tie being half a vote, found ``better`` better.

    ``gap`` is how many tiers it stood above the other on average.
    """

    record: Record
    better: Answer
    worse: Answer
    share: float
    votes: int
    gap: float


Slots: TypeAlias = tuple[int, int, int]


def expanded(group: Sequence[Record], how: How = "all", *, ties: bool = False) -> Iterator[Pair]:
    """Yield the pairs of all judgments of one batch, in their order; ties only with ``ties``.

    Nobody says anything twice of the same two answers (by their texts): the last word counts. Answers with the same text
    make no pair.
    """
    drawn = [[one for one in _drawn(record, how) if one[2] or ties] for record in group]
    seen: set[tuple[str, frozenset[str]]] = set()
    kept: list[list[Slots]] = [[] for _ in group]
    for index in sorted(range(len(group)), key=lambda at: _when(group[at]), reverse=True):
        record = group[index]
        for one in drawn[index]:
            texts = frozenset(record.answers[slot].text for slot in one[:2])
            about = (record.rater or record.id, texts)
            if len(texts) > 1 and about not in seen:
                seen.add(about)
                kept[index].append(one)
    for record, chosen in zip(group, kept, strict=True):
        for better, worse, gap in chosen:
            yield Pair(
                record=record,
                better=record.answers[better],
                worse=record.answers[worse],
                gap=gap,
                count=len(chosen),
            )


def _when(record: Record) -> tuple[str, int, str]:
    return record.at.isoformat(), record.revision, record.id


def _drawn(record: Record, how: How) -> Sequence[Slots]:
    """Return the pairs of one judgment that ``how`` asks for."""
    found = list(pairs(record.ranking))
    strict = [one for one in found if one[2]]
    if how == "all" or not strict:
        return found
    if how == "adjacent":
        return [one for one in found if one[2] <= 1]
    if how == "best-worst":
        widest = max(gap for _, _, gap in strict)
        return [one for one in strict if one[2] == widest]
    draw = int.from_bytes(sha256(record.id.encode()).digest()[:8], "big")
    return [strict[draw % len(strict)]]


def softened(group: Sequence[Record], how: How = "all") -> Sequence[Soft]:
    """Return one element a pair of answers of a batch, as (wins + ½ ties) / votes; the order is that of the answers' ids."""
    votes: dict[tuple[str, str], list[tuple[float, float]]] = {}
    last: dict[tuple[str, str], tuple[Record, Answer, Answer]] = {}
    for pair in expanded(group, how, ties=True):
        first, second = sorted((pair.better, pair.worse), key=lambda one: one.id)
        sign = 1 if first is pair.better else -1
        about = (first.id, second.id)
        votes.setdefault(about, []).append((0.5 if pair.gap == 0 else (1 + sign) / 2, sign * pair.gap))
        last.setdefault(about, (pair.record, first, second))
    return [_soft(*last[about], votes[about]) for about in sorted(votes)]


def _soft(record: Record, first: Answer, second: Answer, votes: Sequence[tuple[float, float]]) -> Soft:
    share = sum(vote for vote, _ in votes) / len(votes)
    gap = sum(gap for _, gap in votes) / len(votes)
    if share < 0.5:  # noqa: PLR2004  half of them
        first, second, share, gap = second, first, 1 - share, -gap
    return Soft(
        record=record,
        better=first,
        worse=second,
        share=round(share, DIGITS),
        votes=len(votes),
        gap=round(gap, DIGITS),
    )
