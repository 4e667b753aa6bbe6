"""What a campaign has shown so far: the leaderboard, the agreement, and which answerer to choose, with what is still missing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..stores import Store
from .judged import Judged
from .values import Campaign

if TYPE_CHECKING:
    from .statistics.agreement import Agreed, Agreement
    from .statistics.anomalies import Proposal
    from .statistics.evidence import Recommendation
    from .statistics.leaderboard import Leaderboard
    from .statistics.means import Means
    from .statistics.raters import RaterStatistics

ALPHA = 0.05

NO_POINTS = "Nobody has given points yet."

PORTION = 2000
"""Judgments whose points are read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Who is compared: what is in ``live`` service, and a ``candidate`` for its place. Empty: the figures choose."""

    live: str = ""
    candidate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What ``ballots`` of a campaign say. ``board`` is None where nothing was compared, ``recommended`` where fewer than two answerers were.

    ``means`` are of a campaign that asks for points: from those nobody is ranked or recommended.

    ``missing`` is how many ballots more a decision is expected to take, 0 where it is made, None where that cannot be said.
    """

    campaign: Campaign
    ballots: int
    board: Leaderboard | None
    agreed: Agreement
    recommended: Recommendation | None
    missing: int | None
    means: Means | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How raters rate, and whom somebody should look at."""

    raters: tuple[RaterStatistics, ...]
    proposed: tuple[Proposal, ...]


async def results(store: Store, campaign: Campaign, sides: Sides | None = None) -> Results:
    """Return the results of ``campaign``. Raises `StoreError`, and `ValueError` for an answerer that was not compared."""
    judged = [one async for one in store.judged(campaign.id)]
    if campaign.mode == "rate":
        return await _rated(store, campaign, judged)
    return await asyncio.to_thread(of, campaign, judged, sides or Sides())


async def _rated(store: Store, campaign: Campaign, judged: Sequence[Judged]) -> Results:
    from .statistics.agreement import agreement
    from .statistics.means import means

    ids = [one.judgment for one in judged]
    remarks = [
        remark
        for start in range(0, len(ids), PORTION)
        for remark in await store.remarks(ids[start : start + PORTION])
    ]
    return Results(
        campaign=campaign,
        ballots=len(judged),
        board=None,
        agreed=agreement(judged),
        recommended=None,
        missing=None,
        means=await asyncio.to_thread(means, judged, remarks),
    )


async def looked(store: Store, campaign: Campaign) -> Looked:
    """Return how the raters of ``campaign`` rate. Raises `StoreError`."""
    from .statistics.anomalies import proposals
    from .statistics.raters import raters

    judged = [one async for one in store.judged(campaign.id)]
    right = await _right(store, judged)
    return await asyncio.to_thread(
        lambda: Looked(raters=raters(judged, right), proposed=proposals(judged, right))
    )


async def _right(store: Store, judged: Sequence[Judged]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Return the right tiers of every gold task that was judged."""
    found = [await store.task(id_) for id_ in sorted({one.task for one in judged if one.gold})]
    return {task.id: task.gold for task in found if task is not None and task.gold}


def of(campaign: Campaign, judged: Sequence[Judged], sides: Sides) -> Results:
    """Return what ``judged`` say. Raises `ValueError` for an answerer that was not compared."""
    from .statistics.agreement import agreement
    from .statistics.leaderboard import leaderboard

    compared = any(
        not one.excluded
        and not one.gold
        and len(set(filter(None, one.answerers))) > 1
        and any(tier is not None for tier in one.tiers)
        for one in judged
    )
    board = leaderboard(judged) if compared else None
    recommended = None if board is None else _recommended(campaign, judged, board, sides)
    missing: int | None = 0
    if recommended is not None and recommended.decision == "more":
        missing = None if recommended.more is None else recommended.more * campaign.overlap
    return Results(
        campaign=campaign,
        ballots=len(judged),
        board=board,
        agreed=agreement(judged),
        recommended=recommended,
        missing=None if recommended is None else missing,
    )


def _recommended(
    campaign: Campaign, judged: Sequence[Judged], board: Leaderboard, sides: Sides
) -> Recommendation | None:
    """Return what to do about the two sides.

    Who is picked by the same figures that are to decide looks better than they are: the chance of a wrong decision is
    divided by the number of pairs that could have been picked (Bonferroni).
    """
    from .statistics.evidence import Rule, recommend

    names = [one.answerer for one in board.standings]
    for name in filter(None, (sides.live, sides.candidate)):
        if name not in names:
            raise ValueError(f"{name[:40]!r} was not compared; {', '.join(names)} were")
    if len(names) < 2:  # noqa: PLR2004  a decision is between two
        return None
    live = sides.live or next((name for name in names[1:] if name != sides.candidate), names[0])
    candidate = sides.candidate or next(name for name in names if name != live)
    if live == candidate:
        raise ValueError(f"{live[:40]!r} cannot take its own place; name two answerers")
    others = len(names) - 1
    pairs = (1 if sides.candidate else others) * (1 if sides.live else others + 1)
    rule = Rule(alpha=ALPHA / max(pairs, 1), overlap=campaign.overlap)
    return recommend(judged, live, candidate, rule)


def said(found: Results) -> str:
    """Return the recommendation in words, with the number of ballots that are still missing; or the points that were given."""
    from .statistics.report import means_text, recommendation_text

    if found.means is not None:
        return means_text(found.means) if found.means.means else NO_POINTS
    if found.recommended is None:
        return "Nothing to decide yet: two answerers must meet on ballots that were ranked."
    text = recommendation_text(found.recommended)
    if found.missing:
        text += f" That is about {found.missing:,} ballots with {found.campaign.overlap} to a task."
    return text


def described(found: Results) -> dict[str, Any]:
    """Return the results as plain JSON: what has no value is null."""
    board, advice = found.board, found.recommended
    row: dict[str, Any] = _plain(
        {
            "campaign": found.campaign.name,
            "id": found.campaign.id,
            "ballots": found.ballots,
            "prompts": board.prompts if board else 0,
            "raters": board.raters if board else 0,
            "comparisons": board.comparisons if board else 0,
            "ties": board.ties if board else 0.0,
            "leaderboard": _standings(board) if board else [],
            "position": asdict(board.position) if board and board.position else None,
            "length": asdict(board.length) if board and board.length else None,
            "left_out": dict(board.left_out) if board else {},
            "warnings": list(board.warnings) if board else [],
            "agreement": _agreement(found.agreed),
            "recommendation": None if advice is None else _advice(advice, found.missing),
            "points": [] if found.means is None else [asdict(one) for one in found.means.means],
        }
    )
    return row


def _standings(board: Leaderboard) -> list[dict[str, Any]]:
    return [
        {
            "answerer": one.answerer,
            "rank": one.place,
            "rating": one.rating,
            "low": one.rating_interval[0],
            "high": one.rating_interval[1],
            "first": one.first,
            "won": one.won,
            "ballots": one.ballots,
            "prompts": one.prompts,
            "flag": one.flag,
        }
        for one in board.standings
    ]


def _agreement(found: Agreement) -> dict[str, Any]:
    def one(agreed: Agreed) -> dict[str, float]:
        return {"value": agreed.value, "low": agreed.low, "high": agreed.high}

    return {
        "tasks": found.tasks,
        "raters": found.raters,
        "alpha_places": one(found.places),
        "alpha_pairs": one(found.pairs),
        "alpha_pairs_nominal": one(found.pairs_nominal),
        "tau_b": one(found.tau),
        "same": found.same,
    }


def _advice(advice: Recommendation, missing: int | None) -> dict[str, Any]:
    seen = advice.evidence
    return {
        "decision": advice.decision,
        "live": advice.live,
        "candidate": advice.candidate,
        "win_rate": seen.win_rate,
        "low": seen.low,
        "high": seen.high,
        "tasks": seen.tasks,
        "tasks_missing": advice.more,
        "ballots_missing": missing,
        "reason": advice.reason,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  plain JSON
    if isinstance(value, list):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]  plain JSON
    return value
