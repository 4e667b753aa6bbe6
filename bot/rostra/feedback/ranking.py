"""Rankings of the answers on one screen: their values, the text that people type for them, and the pairs in them.

Answers stand in *slots*, numbered from 0 in the order in which this rater saw them; people call them A, B, C …
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["ranked", "all_bad", "skipped", "flagged"]
"""Some are better than others; none is any good; no opinion; something is wrong with the question or an answer."""

Tiers: TypeAlias = tuple[tuple[int, ...], ...]

MOST = 9
"""Answers in one ranking: A to I."""

LETTERS = "ABCDEFGHI"
WORDS: dict[str, Outcome] = {
    "!": "all_bad",
    "?": "skipped",
    "ALL BAD": "all_bad",
    "SKIP": "skipped",
    "REPORT": "flagged",
}
WRITTEN: dict[Outcome, str] = {"all_bad": "!", "skipped": "?", "flagged": "report"}


MEANT = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2014": "-", "\u227b": ">"})
"""What keyboards make of a minus, and what papers write for "better than"."""

LONGEST_QUOTED = 40


class RankingError(ValueError):
    """A text that is no ranking, or a ranking that contradicts itself. The message says what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What one rater said about the slots of one screen.

    ``tiers`` has the best first; slots in one tier are tied. The slots of the tier with the index ``loose`` (from 0) were
    not compared with one another, only with those in other tiers: after "B is best, D is worst" that is the rest. Slots in
    no tier were not compared at all. A "ranked" one without tiers compares nothing: there are only ratings.

    Two values that mean the same are equal: slots in a tier are sorted, and a tier of one is not loose.
    Raises `RankingError`.
    """

    outcome: Outcome = "ranked"
    tiers: Tiers = ()
    loose: int | None = None

    def __post_init__(self) -> None:
        slots = [slot for tier in self.tiers for slot in tier]
        if self.tiers and self.outcome != "ranked":
            raise RankingError(f"an outcome of {self.outcome!r} has no tiers")
        if not all(self.tiers) or len(slots) == 1:
            raise RankingError("a tier has at least one slot, and a ranking compares at least two")
        if len(set(slots)) < len(slots) or not all(0 <= slot < MOST for slot in slots):
            raise RankingError(
                f"{self.tiers!r}: a slot is a number from 0 to {MOST - 1}, and stands there once"
            )
        if self.loose is not None and not 0 <= self.loose < len(self.tiers):
            raise RankingError(f"there is no tier with the index {self.loose!r} to be loose")
        object.__setattr__(self, "tiers", tuple(tuple(sorted(tier)) for tier in self.tiers))
        if self.loose is not None and len(self.tiers[self.loose]) == 1:
            object.__setattr__(self, "loose", None)
        if self.loose is not None and len(self.tiers) == 1:
            raise RankingError("a ranking whose only tier is loose compares nothing")


def letter(slot: int) -> str:
    """Return what people call a slot: A for 0."""
    return LETTERS[slot]


def parse(text: str, k: int) -> Ranking:
    """Return the ranking of ``k`` answers (1 to 9) that ``text`` says. Raises `RankingError`, to be shown to who typed it.

    ``B > A = C > D``: best first, ``=`` ties. ``B > A ~ C > D``: A and C are between the two, and were not compared with
    each other. ``+B -D``: B is the best and D the worst; one of them will do. ``!`` (``all bad``): none is any good.
    ``?`` (``skip``): no opinion. ``report``: something is wrong here. Upper and lower case mean the same, and spaces nothing.
    """
    if not 1 <= k <= MOST:
        raise RankingError(f"{k!r} answers cannot be ranked; 1 to {MOST} can")
    plain = " ".join(unicodedata.normalize("NFKC", text).translate(MEANT).upper().split())
    if plain in WORDS:
        return Ranking(outcome=WORDS[plain])
    tight = plain.replace(" ", "")
    if tight.startswith(("+", "-")):
        return _extremes(tight, k)
    return _chain(tight, k)


def _extremes(tight: str, k: int) -> Ranking:
    """Return the ranking behind ``+B-D``."""
    found = re.fullmatch(r"(?:\+([A-Z]))?(?:-([A-Z]))?|-([A-Z])\+([A-Z])", tight)
    if found is None:
        raise RankingError(
            f"{_quoted(tight)} is not understood; write +B -D: one best, one worst, or one of them"
        )
    best, worst = found[1] or found[4], found[2] or found[3]
    ends = [[_slot(name, k)] if name else [] for name in (best, worst)]
    if ends[0] == ends[1]:
        raise RankingError(f"{best} cannot be the best and the worst; write +B -D, or ! if all are bad")
    if k == 1:
        raise RankingError(
            "one answer alone cannot be the best or the worst; write ! if it is bad, or ? to skip"
        )
    rest = [slot for slot in range(k) if slot not in (*ends[0], *ends[1])]
    tiers = tuple(tuple(tier) for tier in (ends[0], rest, ends[1]) if tier)
    return Ranking(tiers=tiers, loose=tiers.index(tuple(rest)) if len(rest) > 1 else None)


def _chain(tight: str, k: int) -> Ranking:
    """Return the ranking behind ``B>A=C>D``."""
    if "<" in tight:
        raise RankingError(f"{_quoted(tight)} has <; put the best first, as in {_example(k)}")
    if not re.fullmatch(r"[A-Z](?:[>=~][A-Z])*", tight):
        raise RankingError(
            f"{_quoted(tight)} is not understood; write {_example(k)}, +A -B, ! (all bad) or ? (skip)"
        )
    tiers: list[tuple[int, ...]] = []
    loose: list[int] = []
    for tier in tight.split(">"):
        if "=" in tier and "~" in tier:
            raise RankingError(
                f"{_quoted(tier)}: between two > there is = (tied) or ~ (not compared), not both"
            )
        if "~" in tier:
            loose.append(len(tiers))
        tiers.append(tuple(_slot(name, k) for name in re.split("[=~]", tier)))
    _check_chain(tiers, loose, k)
    return Ranking(tiers=tuple(tiers), loose=loose[0] if loose else None)


def _check_chain(tiers: Sequence[Sequence[int]], loose: Sequence[int], k: int) -> None:
    slots = [slot for tier in tiers for slot in tier]
    twice = next((slot for slot in slots if slots.count(slot) > 1), None)
    if twice is not None:
        raise RankingError(f"{letter(twice)} stands there twice; write each letter once, as in {_example(k)}")
    if len(slots) == 1:
        name = letter(slots[0])
        raise RankingError(f"{name} alone is not compared with anything; write +{name} if it is the best")
    if len(loose) > 1:
        raise RankingError("~ may join the answers of one place only; use = for those that are tied")
    if loose and len(tiers) == 1:
        raise RankingError("with ~ alone nothing is compared; write ? to skip, or = if they are equally good")


def _slot(name: str, k: int) -> int:
    slot = LETTERS.find(name)
    if not 0 <= slot < k:
        raise RankingError(f"there is no answer {name}; the answers are {', '.join(LETTERS[:k])}")
    return slot


def _example(k: int) -> str:
    return {1: "!", 2: "B > A", 3: "B > A = C"}.get(k, "B > A = C > D")


def _quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST_QUOTED else text[: LONGEST_QUOTED - 1] + "…")


def written(ranking: Ranking, k: int | None = None) -> str:
    """Return the text that `parse` reads as ``ranking``, as it is read back to the rater.

    With ``k``, the number of answers shown, what came from ``+B -D`` is written like that again. Of a ranking that compares
    nothing the text is empty, which `parse` does not take.
    """
    if ranking.outcome != "ranked":
        return WRITTEN[ranking.outcome]
    if k is not None and ranking.loose is not None and sum(map(len, ranking.tiers)) == k:
        short = _written_extremes(ranking.tiers, ranking.loose)
        if short:
            return short
    joins = ("~" if index == ranking.loose else "=" for index in range(len(ranking.tiers)))
    return " > ".join(
        f" {join} ".join(letter(slot) for slot in tier)
        for tier, join in zip(ranking.tiers, joins, strict=True)
    )


def _written_extremes(tiers: Tiers, loose: int) -> str:
    before, after = tiers[:loose], tiers[loose + 1 :]
    if len(before) > 1 or len(after) > 1 or any(len(tier) > 1 for tier in (*before, *after)):
        return ""
    return " ".join(sign + letter(tier[0]) for sign, ends in (("+", before), ("-", after)) for tier in ends)


def pairs(ranking: Ranking) -> Iterator[tuple[int, int, int]]:
    """Yield what was compared as (better slot, worse slot, how many tiers lie between, at least 1), each pair once.

    A tie is (lower slot, higher slot, 0). K slots of which u are in a loose tier and n in none give
    C(K,2) - C(u,2) - C(n,2) - n(K-n) pairs.
    """
    for index, tier in enumerate(ranking.tiers):
        if index != ranking.loose:
            for first, second in combinations(tier, 2):
                yield first, second, 0
        for below, other in enumerate(ranking.tiers[index + 1 :], start=1):
            for better, worse in product(tier, other):
                yield better, worse, below


def numbered(ranking: Ranking, k: int) -> tuple[int | None, ...]:
    """Return the tier of each of ``k`` slots, 1 for the best, None for those in no tier."""
    where = {slot: number for number, tier in enumerate(ranking.tiers, start=1) for slot in tier}
    return tuple(where.get(slot) for slot in range(k))


def from_numbers(outcome: Outcome, numbers: Sequence[int | None], loose: int | None = None) -> Ranking:
    """Return the ranking that `numbered` made ``numbers`` from; ``loose`` is the number (from 1) of the loose tier.

    Numbers may leave gaps: only their order counts. Raises `RankingError`.
    """
    used = sorted({number for number in numbers if number is not None})
    if loose is not None and loose not in used:
        raise RankingError(f"there is no tier {loose!r} to be loose; there are {used!r}")
    tiers = tuple(tuple(slot for slot, number in enumerate(numbers) if number == wanted) for wanted in used)
    return Ranking(outcome=outcome, tiers=tiers, loose=None if loose is None else used.index(loose))
