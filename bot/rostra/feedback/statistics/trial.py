"""Many simulated campaigns in a row: whether intervals hold, orders are found, and spammers too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .anomalies import proposals
from .leaderboard import Leaderboard, leaderboard
from .simulate import Study, right_order, simulated, truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Shares over ``campaigns``.

    ``coverage`` of 95 % intervals that hold, ``order_recovered`` of leaderboards in the true order, ``first_recovered`` of those with the
    right first, ``spammers_caught`` of planted raters that were proposed (None: there were none), ``honest_proposed`` of the others.
    """

    campaigns: int
    coverage: float
    order_recovered: float
    first_recovered: float
    spammers_caught: float | None
    honest_proposed: float


def trial(study: Study, campaigns: int = 200, *, seed: int = 0, truth_ballots: int = 60_000) -> Trial:
    """Return how well statistics do on ``campaigns`` like ``study``. Its truth comes from one campaign of ``truth_ballots``."""
    wanted = truth(study, ballots=truth_ballots, seed=seed + 1_000_003)
    order = sorted(wanted, key=lambda name: -wanted[name])
    held: list[bool] = []
    orders = firsts = 0
    caught: list[bool] = []
    wrongly: list[bool] = []
    for number in range(seed, seed + campaigns):
        judged = list(simulated(study, number))
        board = leaderboard(judged, seed=number)
        held.extend(_held(board, wanted))
        found = [one.answerer for one in board.standings]
        orders += found == order
        firsts += found[0] == order[0]
        named = {one.rater for one in proposals(judged, right_order(judged))}
        for rater in study.raters:
            (wrongly if rater.habit == "honest" else caught).append(rater.name in named)
    return Trial(
        campaigns=campaigns,
        coverage=sum(held) / len(held),
        order_recovered=orders / campaigns,
        first_recovered=firsts / campaigns,
        spammers_caught=sum(caught) / len(caught) if caught else None,
        honest_proposed=sum(wrongly) / len(wrongly) if wrongly else 0.0,
    )


def _held(board: Leaderboard, wanted: Mapping[str, float]) -> Iterator[bool]:
    """Yield for each answerer without a flag whether its interval holds the truth, both against the same middle."""
    sound = [one for one in board.standings if not one.flag]
    middle = sum(wanted[one.answerer] for one in sound) / max(len(sound), 1)
    for one in sound:
        yield one.low <= wanted[one.answerer] - middle <= one.high
