"""Which raters to look at: proposals to leave somebody out, each with its reason and method. Nothing acts on them by itself."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Literal, TypeAlias

from ..judged import Judged
from .agreement import rankings
from .distributions import chi2_tail
from .raters import RaterStatistics, Right, raters

Method: TypeAlias = Literal["gold", "consensus", "position", "pattern", "haste", "votes", "per day"]

FEW = 30
"""Ballots below which a proposal is a hint and no more."""

LOOKS = 5
BEFORE = 20
"""Votes of others on two answerers before one vote on them can be called odd."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on a rater is proposed. ``chance`` is the probability of proposing an honest rater, by each method that has one.

    ``gold``: the share of gold ballots that somebody must be able to reach. ``tau``: how far below the mean, in standard
    errors. ``haste``: in standard deviations. ``bias``: how far beyond what is usual, in ballots
    won by the answer shown first or of one pattern; a little everybody has, and leaderboards take it out. ``per_day``: ballots a day, 0 for no limit.
    """

    chance: float = 0.001
    gold: float = 0.7
    tau: float = 4.0
    haste: float = 3.5
    bias: float = 0.15
    per_day: int = 0
    fewest: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Somebody should look at this rater. ``reason`` is a sentence, ``figure`` what the method measured; ``hint``: too few ballots to be sure."""

    rater: str
    method: Method
    reason: str
    figure: float
    ballots: int
    hint: bool


def proposals(
    judged: Sequence[Judged], right: Right | None = None, limits: Limits | None = None
) -> tuple[Proposal, ...]:
    """Return which raters to look at and why, by rater. Somebody decides about each: an exclusion can be taken back.

    ``right`` are the right tiers of gold tasks.
    """
    limits = limits or Limits()
    found: list[Proposal] = []
    everyone = raters(judged, right)
    odd = odd_votes(judged)
    usual = _usual([one.tau for one in everyone])
    first = _usual([one.first_share for one in everyone])
    for one in everyone:
        noticed = [
            _gold(one, limits),
            _consensus(one, usual, limits),
            _position(one, first, limits),
            _pattern(one, limits),
            _haste(one, limits),
            _votes(odd.get(one.rater, 1.0), limits),
            _per_day(one, limits),
        ]
        found.extend(
            Proposal(
                rater=one.rater,
                method=method,
                reason=reason,
                figure=figure,
                ballots=one.ballots,
                hint=one.ballots < FEW,
            )
            for method, reason, figure in filter(None, noticed)
        )
    return tuple(sorted(found, key=lambda one: (one.rater, one.method)))


_Noticed: TypeAlias = tuple[Method, str, float] | None


def _gold(one: RaterStatistics, limits: Limits) -> _Noticed:
    if one.gold_high >= limits.gold:
        return None
    share = one.gold_right / (one.gold_right + one.gold_wrong)
    return "gold", f"{share:.0%} right in gold tasks; {limits.gold:.0%} is asked for", share


def _usual(figures: Iterable[float]) -> float:
    """Return the median of what is known of raters: a few who click at random do not move it."""
    known = [figure for figure in figures if not math.isnan(figure)]
    return median(known) if known else math.nan


def _consensus(one: RaterStatistics, usual: float, limits: Limits) -> _Noticed:
    if one.tau_tasks < limits.fewest or not usual > 0 or one.tau > usual / 2:
        return None
    if (usual - one.tau) / one.tau_error < limits.tau:
        return None
    return "consensus", f"tau-b of {one.tau:.2f} with the others; {usual:.2f} is usual here", one.tau


def _position(one: RaterStatistics, usual: float, limits: Limits) -> _Noticed:
    if one.first_chance >= limits.chance or abs(one.first_share - usual) < limits.bias:
        return None
    return (
        "position",
        f"the answer shown first is the best in {one.first_share:.0%} of ballots; shuffling does that once in {1 / max(one.first_chance, 1e-300):.2g}",
        one.first_share,
    )


def _pattern(one: RaterStatistics, limits: Limits) -> _Noticed:
    if one.pattern_chance >= limits.chance or one.pattern_excess < limits.bias:
        return None
    order = "".join(map(str, one.pattern)) if max(one.pattern) < 10 else str(one.pattern)  # noqa: PLR2004  one digit each
    return (
        "pattern",
        f"the places {order} on the screen come again and again; shuffling does that once in {1 / max(one.pattern_chance, 1e-300):.2g}",
        one.pattern_chance,
    )


def _haste(one: RaterStatistics, limits: Limits) -> _Noticed:
    if one.haste < limits.haste or one.ballots < limits.fewest:
        return None
    return (
        "haste",
        f"{one.seconds:.1f} s for a ballot, {one.haste:.1f} standard deviations below the others",
        one.haste,
    )


def _votes(chance: float, limits: Limits) -> _Noticed:
    if chance >= limits.chance:
        return None
    return (
        "votes",
        f"votes for answerers that others seldom vote for, once in {1 / max(chance, 1e-300):.2g} by chance",
        chance,
    )


def _per_day(one: RaterStatistics, limits: Limits) -> _Noticed:
    most = max(one.by_day.values(), default=0)
    if not limits.per_day or most <= limits.per_day:
        return None
    return "per day", f"{most} ballots on one day; {limits.per_day} are allowed", float(most)


def odd_votes(judged: Iterable[Judged], *, seed: int = 0) -> dict[str, float]:
    """Return for each rater how probable votes as odd as these are, if they were like everybody else's.

    One vote a ballot: the best against the worst. A vote's own probability is the share of others' votes on the same two
    answerers that are as rare or rarer; Fisher's sum of their logarithms is looked at five times, and the smallest probability counts
    five times (Chiang et al., arXiv 2403.04132, appendix; here both directions are odd).
    """
    cast: dict[str, list[tuple[tuple[str, str], int]]] = defaultdict(list)
    everyone: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    mine: dict[tuple[str, tuple[str, str]], Counter[int]] = defaultdict(Counter)
    for one in rankings(judged):
        vote = _vote(one)
        if vote is not None and not one.gold:
            pair, sign = vote
            cast[one.rater].append(vote)
            everyone[pair][sign] += 1
            mine[one.rater, pair][sign] += 1
    found: dict[str, float] = {}
    for rater, votes in cast.items():
        logs = [
            -2 * math.log(_rarity(sign, everyone[pair], mine[rater, pair]))
            for pair, sign in votes
            if (everyone[pair] - mine[rater, pair]).total() >= BEFORE
        ]
        if logs:
            chance = Random(f"{seed} {rater}")  # noqa: S311  looks are drawn, no secret is
            looks = {len(logs), *(chance.randint(1, len(logs)) for _ in range(LOOKS - 1))}
            found[rater] = min(1.0, LOOKS * min(chi2_tail(sum(logs[:n]), 2 * n) for n in looks))
    return found


def _vote(judged: Judged) -> tuple[tuple[str, str], int] | None:
    """Return the answerers of the best and the worst answer, in order, and whether the first of them won (1), or lost (-1)."""
    placed = [
        (tier, name)
        for tier, name in zip(judged.tiers, judged.answerers, strict=True)
        if tier is not None and name
    ]
    if not placed:
        return None
    best, worst = min(placed), max(placed)
    if best[0] == worst[0] or best[1] == worst[1]:
        return None
    return ((best[1], worst[1]), 1) if best[1] < worst[1] else ((worst[1], best[1]), -1)


def _rarity(sign: int, everyone: Counter[int], mine: Counter[int]) -> float:
    others = everyone - mine
    rare = sum(count for count in others.values() if count <= others[sign])
    return (1 + rare) / (1 + others.total())
