"""Pictures of leaderboards and agreement, as PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from .agreement import Agreement
from .leaderboard import Leaderboard
from .raters import RaterStatistics

MOST = 40
"""Rows in one picture; more cannot be read."""

INK, QUIET, ACCENT, ODD = "#222222", "#8a8a8a", "#1f6fb4", "#c96a1b"
LONGEST = 32


def leaderboard_picture(board: Leaderboard) -> bytes:
    """Return a leaderboard with intervals; those whose strength has no bound are hollow."""
    shown = board.standings[:MOST]
    figure, axes = _canvas(len(shown))
    for place, standing in enumerate(shown):
        low, high = standing.rating_interval
        colour = ODD if standing.flag else ACCENT
        axes.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="round")
        axes.plot(
            standing.rating, place, "o", color=colour, markerfacecolor="white" if standing.flag else colour
        )
    axes.set_yticks(
        range(len(shown)),
        [f"{one.place}  {_short(one.answerer)}" for one in shown],
    )
    axes.axvline(1000, color=QUIET, linewidth=0.8, linestyle=":")
    against = _short(board.baseline) if board.baseline else "the middle"
    axes.set_xlabel(f"rating with 95 % interval; 1000 is {against}")
    axes.set_title(
        f"{board.ballots:,} ballots, {board.prompts:,} prompts, {board.raters:,} raters",
        loc="left",
        fontsize=10,
        color=INK,
    )
    notes: list[str] = []
    if any(one.flag for one in shown):
        notes.append("hollow: never lost, or never won, or apart from the others")
    if len(board.standings) > MOST:
        notes.append(f"the first {MOST} of {len(board.standings)}")
    return _png(figure, notes)


def agreement_picture(found: Agreement, raters: Sequence[RaterStatistics] = ()) -> bytes:
    """Return how much raters agree: the measures with intervals, and below them each rater's tau-b with the others."""
    measures = [
        ("alpha, where answers stand", found.places),
        ("alpha, pairs, ordinal", found.pairs),
        ("alpha, pairs, nominal", found.pairs_nominal),
        ("tau-b with the others", found.tau),
    ]
    known = sorted((one for one in raters if one.tau_tasks), key=lambda one: -one.tau_shrunk)[:MOST]
    figure, axes = _canvas(len(measures) + len(known))
    for place, (_, value) in enumerate(measures):
        if not math.isnan(value.value):
            axes.plot([value.low, value.high], [place, place], color=ACCENT, linewidth=2)
            axes.plot(value.value, place, "o", color=ACCENT)
    for place, one in enumerate(known, start=len(measures)):
        axes.plot(one.tau, place, "o", color=QUIET, markerfacecolor="white")
        axes.plot(one.tau_shrunk, place, "o", color=INK, markersize=4)
    if known:
        axes.axhline(len(measures) - 0.5, color=QUIET, linewidth=0.6)
    names = [name for name, _ in measures]
    axes.set_yticks(
        range(len(names) + len(known)),
        [*names, *(f"{_short(one.rater)}  ({one.tau_tasks} tasks)" for one in known)],
    )
    axes.axvline(0, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_xlim(min(-0.1, axes.get_xlim()[0]), 1.02)
    axes.set_xlabel("agreement: 0 is chance, 1 is always")
    axes.set_title(
        f"{found.raters:,} raters, {found.tasks:,} tasks that several ranked",
        loc="left",
        fontsize=10,
        color=INK,
    )
    notes = [
        "raters: tau-b with the others (hollow), drawn towards the mean as far as tasks are few (filled)"
    ]
    return _png(figure, notes if known else [])


def _canvas(rows: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(8, 1.4 + 0.32 * max(rows, 2)), dpi=120, layout="constrained")
    axes: Any = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=9, labelcolor=INK)
    axes.tick_params(axis="x", labelsize=9, labelcolor=INK, color=QUIET)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_ylim(max(rows, 1) - 0.4, -0.6)
    return figure, axes


def _png(figure: Any, notes: Sequence[str]) -> bytes:
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=8, color=QUIET, x=0.01, ha="left")
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _short(name: str) -> str:
    """Return a name that fits and that matplotlib does not read as a formula."""
    plain = " ".join(name.split()).replace("$", r"\$")
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"
