"""What a campaign has shown so far, for a page: the figures of ``/rank results``, ``leaderboard``, ``agreement`` and ``raters``."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from rostra.feedback.results import Looked, Results, looked, results, said
from rostra.feedback.values import Campaign
from rostra.stores import Store

from .plot import Plot, Value, plot

if TYPE_CHECKING:
    from rostra.feedback.statistics.agreement import Agreement
    from rostra.feedback.statistics.leaderboard import Leaderboard
    from rostra.feedback.statistics.means import Means

REMEMBERED = 20
"""Campaigns whose last figures are kept."""
LACKING = "Figures need another package on the bot's machine: pip install 'rostra[analysis]'"
MIDDLE = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A plot, and the same as a table; ``name`` is what both show."""

    name: str
    plot: Plot | None
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one campaign. ``advice`` is the recommendation in words, or why there are no figures: every second piece is a name."""

    advice: tuple[str, ...]
    ballots: int = 0
    board: Picture | None = None
    points: tuple[Picture, ...] = ()
    agreement: Picture | None = None
    notes: tuple[str, ...] = ()
    looked: Looked | None = None


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Figures of campaigns, counted once for each mark of what they rest on; one campaign at a time."""

    store: Store
    _counted: OrderedDict[str, tuple[str, Figures]] = field(
        default_factory=OrderedDict[str, tuple[str, Figures]]
    )
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def figures(self, campaign: Campaign, mark: str) -> Figures:
        """Return the figures of ``campaign``, as they were counted last where that was with this ``mark``."""
        async with self._lock:
            before = self._counted.get(campaign.id)
            if before is not None and before[0] == mark:
                return before[1]
            found = await self._count(campaign)
            self._counted[campaign.id] = mark, found
            self._counted.move_to_end(campaign.id)
            if len(self._counted) > REMEMBERED:
                self._counted.popitem(last=False)
            return found

    async def _count(self, campaign: Campaign) -> Figures:
        try:
            return _described(await results(self.store, campaign), await looked(self.store, campaign))
        except ImportError:
            return Figures(advice=(LACKING,))


def _described(found: Results, raters: Looked) -> Figures:
    notes = () if found.board is None else tuple(f"{one}." for one in found.board.warnings)
    if found.means is not None:
        notes = found.means.warnings
    return Figures(
        advice=() if found.means is not None and found.means.means else tuple(said(found).split("`")),
        ballots=found.ballots,
        board=None if found.board is None else _board(found.board),
        points=() if found.means is None else tuple(_points(found.means)),
        agreement=_agreement(found.agreed) if found.agreed.tasks else None,
        notes=notes,
        looked=raters,
    )


def _board(board: Leaderboard) -> Picture:
    values = [
        Value(
            name=f"{one.place}  {one.answerer}",
            value=one.rating,
            low=one.rating_interval[0],
            high=one.rating_interval[1],
            odd=bool(one.flag),
        )
        for one in board.standings
    ]
    rows = tuple(
        (
            one.place,
            one.answerer,
            f"{one.rating:.0f}",
            f"{one.rating_interval[0]:.0f} to {one.rating_interval[1]:.0f}",
            "?" if one.first is None else f"{one.first:.0%}",
            f"{one.won:.0%}",
            f"{one.ballots:,}",
        )
        for one in board.standings
    )
    title = f"Leaderboard of {len(board.standings)} answerers, with intervals of 95 %"
    return Picture(
        name="Leaderboard",
        plot=plot(title, "rating; 1000 is the middle", values, middle=MIDDLE),
        header=("Rank", "Answerer", "Rating", "95 %", "Chance to be best", "Won", "Ballots"),
        rows=rows,
    )


def _points(means: Means) -> Sequence[Picture]:
    pictures: list[Picture] = []
    for (axis, most), group in groupby(means.means, key=lambda one: (one.axis, one.most)):
        of = tuple(group)
        values = [
            Value(
                name=one.answerer,
                value=one.value,
                low=math.nan if one.low is None else one.low,
                high=math.nan if one.high is None else one.high,
            )
            for one in of
        ]
        rows = tuple(
            (
                one.answerer,
                f"{one.value:.2f}",
                "" if one.low is None or one.high is None else f"{one.low:.2f} to {one.high:.2f}",
                f"{one.points:,}",
                f"{one.raters:,}",
            )
            for one in of
        )
        drawn = plot(f"Points for {axis}, with intervals of 95 %", f"{axis}, 1 to {most}", values, digits=1)
        header = (f"{axis}, 1 to {most}", "Mean", "95 %", "Points", "Raters")
        pictures.append(Picture(name=f"Points for {axis}", plot=drawn, header=header, rows=rows))
    return pictures


def _agreement(found: Agreement) -> Picture:
    measures = (
        ("Krippendorff's alpha, where answers stand", found.places),
        ("Krippendorff's alpha, pairs, ordinal", found.pairs),
        ("Krippendorff's alpha, pairs, nominal", found.pairs_nominal),
        ("Kendall's tau-b with the others", found.tau),
    )
    values = [Value(name=name, value=one.value, low=one.low, high=one.high) for name, one in measures]
    rows = [
        (name, "nothing to compare", "")
        if math.isnan(one.value)
        else (name, f"{one.value:.2f}", f"{one.low:.2f} to {one.high:.2f}")
        for name, one in measures
    ]
    if not math.isnan(found.same):
        rows.append(("The same way, where both see a difference", f"{found.same:.0%}", ""))
    title = f"Agreement of {found.raters} raters on {found.tasks} tasks, with intervals of 95 %"
    return Picture(
        name="Agreement",
        plot=plot(title, "0 is chance, 1 is always", values, middle=0.0, digits=1),
        header=("Agreement", "Value", "95 %"),
        rows=tuple(rows),
    )
