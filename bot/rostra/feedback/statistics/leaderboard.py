"""Which answerer is how good, with intervals that hold although the pairs of one ballot are not independent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..judged import Judged
from .contests import Contests, Sampling, contests
from .distributions import reach
from .fitting import COVARIATES, Fit, covariance, fit, scores, won

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Flag: TypeAlias = Literal["", "no losses", "no wins", "apart", "alone"]
"""Nothing odd; never lost; never won; no chain of wins joins it to the others both ways; never met another answerer."""

MIDDLE = 1000.0
SCALE = 400 / math.log(10)
"""Ratings are Elo's: 1000 in the middle, 400 more for odds of ten to one."""

LARGE_RATER = 0.05
"""The share of ballots from which one rater's habits count as a source of chance of their own."""

DRAWS = 1000
BLOCKS = 2000
FEW_PROMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A number (log odds where not said otherwise) with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an answerer stands.

    ``strength``, ``low`` and ``high`` are log odds against the middle (or the baseline). ``rank`` is 1 and the number of those whose
    interval lies wholly above; ``tied`` says that another (without a flag) shares the rank. ``first`` is the chance of being the best, None where it cannot be
    told. ``expected`` is the share of comparisons with the others that it is expected to win, a tie half; ``won`` is what it won. ``flag`` says what
    ``strength`` and its interval must be read with.
    """

    answerer: str
    strength: float
    low: float
    high: float
    rank: int
    tied: bool
    first: float | None
    expected: float
    ballots: int
    prompts: int
    won: float
    flag: Flag = ""

    @property
    def place(self) -> str:
        """The rank as people write it: ``1``, ``2=`` where it is shared, ``?`` where a flag leaves it open."""
        if self.flag and self.tied:
            return "?"
        return f"{self.rank}{'=' if self.tied else ''}"

    @property
    def rating(self) -> float:
        """The strength on Elo's scale."""
        return MIDDLE + SCALE * self.strength

    @property
    def rating_interval(self) -> tuple[float, float]:
        """Its interval on Elo's scale."""
        return MIDDLE + SCALE * self.low, MIDDLE + SCALE * self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """Answerers, best first. ``position`` is what being shown first rather than last gives, ``length`` what being much longer does.

    ``clusters`` says what was taken to be dependent: ballots on one prompt, or also ballots by one rater. ``left_out`` counts
    judgments that are not in it, by reason. ``warnings`` are sentences.
    """

    standings: tuple[Standing, ...]
    position: Effect | None
    length: Effect | None
    clusters: Literal["prompt", "prompt and rater"]
    baseline: str
    ballots: int
    prompts: int
    raters: int
    comparisons: int
    ties: float
    left_out: Mapping[str, int]
    warnings: tuple[str, ...]


def leaderboard(
    judged: Iterable[Judged], *, baseline: str = "", sampling: Sampling = "all", seed: int = 0
) -> Leaderboard:
    """Return the leaderboard of the answerers in ``judged``. With ``baseline``, strengths are against that answerer.

    Raises `ValueError` where nothing was compared, or the baseline never was.
    """
    return board(contests(judged, sampling), baseline=baseline, seed=seed)


def board(arena: Contests, *, baseline: str = "", seed: int = 0) -> Leaderboard:
    """Return the leaderboard of comparisons. Raises `ValueError` as `leaderboard` does."""
    import numpy as np

    found = fit(arena)
    names = len(arena.names)
    unbound = found.unbound
    contrast = _contrast(arena, unbound, baseline)
    strength = contrast @ found.estimate[:names]
    errors, plain, clusters = _errors(arena, found, contrast, unbound)
    wide = reach(arena.prompts)
    low, high = strength - wide * errors[:names], strength + wide * errors[:names]
    sound = np.where(unbound, low, strength)
    order: list[int] = np.argsort(-sound, kind="stable").tolist()
    first = _first(arena, found, contrast, (strength, errors[:names], plain), seed)
    standings = tuple(_standings(arena, unbound, (strength, low, high), first, order))
    effects = [_effect(arena, found, errors, wide, place) for place in range(len(COVARIATES))]
    return Leaderboard(
        standings=standings,
        position=effects[0],
        length=effects[1],
        clusters=clusters,
        baseline=baseline,
        ballots=len(arena.judgments),
        prompts=arena.prompts,
        raters=len(arena.raters),
        comparisons=len(arena),
        ties=float((arena.score == 0.5).mean()),  # noqa: PLR2004  half a win is a tie
        left_out=arena.left_out,
        warnings=_warnings(arena, standings),
    )


def _standings(
    arena: Contests, unbound: Array, strengths: tuple[Array, Array, Array], first: Array, order: list[int]
) -> Iterator[Standing]:
    import numpy as np

    strength, low, high = strengths
    flags = _flags(arena, unbound)
    rank: Array = 1 + np.count_nonzero(low[None, :] > high[:, None], axis=1)
    shared = _shared(rank, unbound)
    ballots, prompts = _seen(arena, arena.ballot), _seen(arena, arena.prompt)
    table = won(arena)
    wins = table.sum(axis=1) / np.maximum(table.sum(axis=1) + table.sum(axis=0), 1e-12)
    for at in order:
        yield Standing(
            answerer=arena.names[at],
            strength=float(strength[at]),
            low=float(low[at]),
            high=float(high[at]),
            rank=int(rank[at]),
            tied=bool(shared[at]),
            first=None if math.isnan(first[at]) else float(first[at]),
            expected=_expected(strength, at),
            ballots=int(ballots[at]),
            prompts=int(prompts[at]),
            won=float(wins[at]),
            flag=flags[at],
        )


def _contrast(arena: Contests, unbound: Array, baseline: str) -> Array:
    """Return what takes strengths to strengths against the middle of those that are bounded, or against the baseline."""
    import numpy as np

    middle = np.zeros(len(arena.names))
    if baseline:
        if baseline not in arena.names:
            raise ValueError(
                f"{baseline!r} was never compared; a baseline is one of {', '.join(sorted(arena.names))}"
            )
        middle[arena.names.index(baseline)] = 1
    else:
        middle[:] = 1 if unbound.all() else ~unbound
    contrast: Array = np.eye(len(middle)) - middle / middle.sum()
    return contrast


def _errors(
    arena: Contests, found: Fit, contrast: Array, unbound: Array
) -> tuple[Array, Array, Literal["prompt", "prompt and rater"]]:
    """Return standard errors of strengths and covariates, those of strengths by prompts alone, and the clusters.

    Of an answerer without a bound the comparisons leave no residuals, so that a sandwich would find it certain: its error is
    that of the model, its prompts counted as often as they weigh.
    """
    import numpy as np

    names = len(arena.names)
    turn = np.eye(names + len(COVARIATES))
    turn[:names, :names] = contrast

    def variances(covariances: Array) -> Array:
        diagonal: Array = np.einsum("ij,jk,ik->i", turn, covariances, turn)
        return diagonal

    by_prompt = covariance(arena, found, arena.prompt, arena.prompts)
    plain = variances(by_prompt)
    squares = plain.copy()
    clusters: Literal["prompt", "prompt and rater"] = "prompt"
    share = np.bincount(arena.rater[_one_each(arena.ballot)]).max() / len(arena.judgments)
    if len(arena.raters) > 1 and share > LARGE_RATER:
        clusters = "prompt and rater"
        both, group = np.unique(
            arena.prompt.astype(np.int64) * len(arena.raters) + arena.rater, return_inverse=True
        )
        two_way = (
            by_prompt
            + covariance(arena, found, arena.rater, len(arena.raters))
            - covariance(arena, found, group, len(both))
        )
        squares = np.maximum(squares, variances(two_way))
    table = won(arena)
    heavier = (table.sum(axis=1) + table.sum(axis=0)) / np.maximum(_seen(arena, arena.prompt), 1)
    model = variances(found.bread)[:names] * np.maximum(heavier, 1)
    squares[:names] = np.where(unbound, np.maximum(model, squares[:names]), squares[:names])
    return np.sqrt(np.maximum(squares, 0)), np.sqrt(np.maximum(plain[:names], 0)), clusters


def _one_each(codes: Array) -> Array:
    """Return where each code stands for the first time."""
    import numpy as np

    return np.unique(codes, return_index=True)[1]


def _shared(rank: Array, unbound: Array) -> Array:
    """Return who shares a rank; that somebody's without a bound may be anywhere is no tie for the others."""
    import numpy as np

    alike: Array = np.equal.outer(rank, rank)
    np.fill_diagonal(alike, val=False)
    any_one = np.count_nonzero(alike, axis=1) > 0
    sound = np.count_nonzero(alike & ~unbound, axis=1) > 0
    shared: Array = (unbound & any_one) | (~unbound & sound)
    return shared


def _seen(arena: Contests, codes: Array) -> Array:
    """Return in how many different ``codes`` (prompts, ballots) each answerer met another."""
    import numpy as np

    names = len(arena.names)
    other = arena.first != arena.second
    both = [codes[other].astype(np.int64) * names + side[other] for side in (arena.first, arena.second)]
    return np.bincount(np.unique(np.concatenate(both)) % names, minlength=names)


def _first(
    arena: Contests, found: Fit, contrast: Array, drawn: tuple[Array, Array, Array], seed: int
) -> Array:
    """Return the chance of each answerer of being the best: how often it is when prompts are drawn anew.

    A draw takes one step of Newton's from the fit (the score bootstrap of Kline and Santos, 2012), so that a draw in which
    somebody has no loss does not go to infinity. Answerers without a bound take part only if they lead with all of their interval.
    """
    import numpy as np

    strength, errors, plain = drawn
    names = len(strength)
    chance = np.random.default_rng(seed)
    groups = min(arena.prompts, BLOCKS)
    group = (
        arena.prompt if groups == arena.prompts else chance.integers(0, groups, arena.prompts)[arena.prompt]
    )
    pulls = scores(arena, found, group, groups).toarray() @ found.bread
    moved = (chance.multinomial(groups, np.full(groups, 1 / groups), size=DRAWS) - 1.0) @ pulls
    moves: Array = moved[:, :names] @ contrast.T
    unbound = found.unbound
    wider: Array = np.where(plain > 0, errors / np.where(plain > 0, plain, 1), 0)
    noise: Array = chance.standard_normal(moves.shape) * errors
    moves = np.where(unbound, noise, moves * wider)
    wide = reach(arena.prompts)
    highest = np.max(np.where(unbound, -np.inf, strength + wide * errors))
    part = ~unbound | (strength - wide * errors > highest)
    best = np.argmax(np.where(part, strength + moves, -np.inf), axis=1)
    return np.where(part, np.bincount(best, minlength=names) / DRAWS, np.nan)


def _flags(arena: Contests, unbound: Array) -> list[Flag]:
    table = won(arena)
    wins, losses = table.sum(axis=1), table.sum(axis=0)

    def flag(at: int) -> Flag:
        if wins[at] == losses[at] == 0:
            return "alone"
        if losses[at] == 0:
            return "no losses"
        return "no wins" if wins[at] == 0 else "apart"

    return [flag(at) if unbound[at] else "" for at in range(len(table))]


def _expected(strength: Array, at: int) -> float:
    import numpy as np

    others: Array = np.delete(strength, at)
    wins: Array = 1 / (1 + np.exp(others - strength[at]))
    return float(wins.mean()) if len(others) else 0.5


def _effect(arena: Contests, found: Fit, errors: Array, wide: float, place: int) -> Effect | None:
    column = getattr(arena, COVARIATES[place])
    if column.min() == column.max() == 0:
        return None
    at = len(arena.names) + place
    value, error = float(found.estimate[at]), float(errors[at])
    return Effect(value=value, low=value - wide * error, high=value + wide * error)


def _warnings(arena: Contests, standings: tuple[Standing, ...]) -> tuple[str, ...]:
    found: list[str] = []
    if arena.prompts < FEW_PROMPTS:
        found.append(f"{arena.prompts} prompts are few: intervals may be too narrow below {FEW_PROMPTS}")
    found.extend(f"{standing.answerer}: {MEANING[standing.flag]}" for standing in standings if standing.flag)
    return tuple(found)


MEANING: Mapping[Flag, str] = {
    "no losses": "never lost, so that its strength has no upper bound; it stands where the low end of its interval is",
    "no wins": "never won, so that its strength has no lower bound; it stands where the low end of its interval is",
    "apart": "no chain of wins leads to the others and back, so that the distance to them is a guess",
    "alone": "never met another answerer",
}
