"""Bradley and Terry's model with what else decides comparisons, fitted by Newton's method, and how sure the result is.

The model is a logistic regression whose row for a comparison has 1 for the first answerer, -1 for the second, and the
differences of position and length. What it gives is what ``GLM(Binomial).fit(cov_type="cluster")`` of statsmodels gives (a test
compares them); that one keeps the zeros of the design in memory, and takes minutes where this takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .contests import Contests
from .distributions import foreign

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

GHOST = 0.01
"""The weight of ties with all others together that every answerer is given, so that nothing becomes infinite."""

GHOST_APART = 1.0
"""That of answerers whose strength the comparisons alone do not bound: who never lost or never won against the others."""

PIN = 1e-3
"""Holds the sum of strengths at 0; comparisons say nothing about it."""

STEPS = 100
HALVINGS = 30
CLOSE = 1e-9

COVARIATES = ("position", "length")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Estimates and what their uncertainty is computed from. Parameters are the answerers, then `COVARIATES`.

    ``bread`` is the inverse of the information. ``residual`` is by comparison. ``unbound`` are the answerers whose strength
    comparisons alone do not bound.
    """

    estimate: Array
    bread: Array
    residual: Array
    unbound: Array


def fit(contests: Contests, *, start: Array | None = None, keep: Array | None = None) -> Fit:
    """Return the strengths (log odds) that make ``contests`` likeliest.

    ``keep`` are factors on the weights of the comparisons, ``start`` is where to begin. Raises `ValueError` where nothing was compared.
    """
    import numpy as np

    if not len(contests):
        raise ValueError("there are no comparisons; a leaderboard needs at least one ranked ballot")
    weight = contests.weight if keep is None else contests.weight * keep
    size = len(contests.names) + len(COVARIATES)
    unbound = apart(contests, weight)
    ghost = ghosts(unbound)
    at = np.zeros(size) if start is None else start
    value = _objective(contests, weight, ghost, at)
    for _ in range(STEPS):
        gradient, information, _ = _derivatives(contests, weight, ghost, at)
        step = np.linalg.solve(information, gradient)
        at, new = _climbed(contests, weight, ghost, (at, step, value))
        if new - value < CLOSE:
            break
        value = new
    _, information, residual = _derivatives(contests, weight, ghost, at)
    return Fit(estimate=at, bread=np.linalg.inv(information), residual=residual, unbound=unbound)


def _climbed(
    contests: Contests, weight: Array, ghost: Array, state: tuple[Array, Array, float]
) -> tuple[Array, float]:
    """Return where a step leads, halved until it leads up, and how likely it is there."""
    at, step, value = state
    for halving in range(HALVINGS):
        there = at + step / 2**halving
        new = _objective(contests, weight, ghost, there)
        if new >= value:
            return there, new
    return at, value


def _predictor(contests: Contests, at: Array) -> Array:
    names = len(contests.names)
    eta: Array = (
        at[contests.first]
        - at[contests.second]
        + at[names] * contests.position
        + at[names + 1] * contests.length
    )
    return eta


def _objective(contests: Contests, weight: Array, ghost: Array, at: Array) -> float:
    import numpy as np

    eta = _predictor(contests, at)
    likely = weight @ (contests.score * eta - np.logaddexp(0, eta))
    strengths, others = at[: len(ghost)], at[len(ghost) :]
    tied = ghost * np.logaddexp(0, strengths[:, None] - strengths) / 2  # half a win, and half a loss
    pulled = GHOST * (others / 2 - np.logaddexp(0, others))
    return float(likely - tied.sum() + pulled.sum() - PIN / 2 * strengths.sum() ** 2)


def _derivatives(contests: Contests, weight: Array, ghost: Array, at: Array) -> tuple[Array, Array, Array]:
    """Return the gradient, the information, and the weighted residuals."""
    import numpy as np

    names = len(contests.names)
    chance = _logistic(_predictor(contests, at))
    residual = weight * (contests.score - chance)
    spread = weight * chance * (1 - chance)
    gradient, information = _made_up(ghost, at)
    met = np.bincount(contests.first * names + contests.second, weights=spread, minlength=names * names)
    met = met.reshape(names, names)
    met = met + met.T
    np.fill_diagonal(met, 0)  # two answers of one answerer say nothing about it
    information[:names, :names] += np.diag(met.sum(axis=1)) - met
    gradient[:names] += _by_name(contests, residual)
    columns = [getattr(contests, name) for name in COVARIATES]
    for place, column in enumerate(columns, start=names):
        gradient[place] += residual @ column
        mixed = _by_name(contests, spread * column)
        information[place, :names] += mixed
        information[:names, place] += mixed
        for other, second in enumerate(columns, start=names):
            information[place, other] += (spread * column) @ second
    return gradient, information, residual


def _made_up(ghost: Array, at: Array) -> tuple[Array, Array]:
    """Return what made-up ties and the pin add to the gradient and the information."""
    import numpy as np

    names = len(ghost)
    strengths, others = at[:names], _logistic(at[names:])
    chance = _logistic(strengths[:, None] - strengths)
    spread = ghost * chance * (1 - chance)
    gradient = np.concatenate(
        [(ghost * (0.5 - chance)).sum(axis=1) - PIN * strengths.sum(), GHOST * (0.5 - others)]
    )
    information = np.diag(np.concatenate([spread.sum(axis=1), GHOST * others * (1 - others)]))
    information[:names, :names] += PIN - spread
    return gradient, information


def _by_name(contests: Contests, values: Array) -> Array:
    import numpy as np

    names = len(contests.names)
    plus = np.bincount(contests.first, weights=values, minlength=names)
    return plus - np.bincount(contests.second, weights=values, minlength=names)


def _logistic(eta: Array) -> Array:
    import numpy as np

    return np.exp(-np.logaddexp(0, -eta))


def won(contests: Contests, weight: Array | None = None) -> Array:
    """Return a table of the weight of what each answerer won against each other, ties counted half for both."""
    import numpy as np

    weight = contests.weight if weight is None else weight
    names = len(contests.names)
    there = contests.first * names + contests.second
    back = contests.second * names + contests.first
    table = np.bincount(there, weights=weight * contests.score, minlength=names * names)
    table = table + np.bincount(back, weights=weight * (1 - contests.score), minlength=names * names)
    table = table.reshape(names, names)
    np.fill_diagonal(table, 0)
    return table


def apart(contests: Contests, weight: Array | None = None) -> Array:
    """Return for each answerer whether comparisons leave its strength without a bound.

    Strengths are bounded among answerers of whom each can be reached from each other by "has won against" (Ford, 1957);
    the largest such group is what the others stand apart from.
    """
    import numpy as np

    table = won(contests, weight)
    sparse = foreign("scipy.sparse").csr_matrix(table > 0)
    group: Array = foreign("scipy.sparse.csgraph").connected_components(sparse, connection="strong")[1]
    sizes = np.bincount(group)
    if sizes.max() == 1:
        return np.ones(len(table), dtype=bool)
    heavy = np.bincount(group, weights=table.sum(axis=1))
    main = np.lexsort((heavy, sizes))[-1]
    outside: Array = group != main
    return outside


def ghosts(unbound: Array) -> Array:
    """Return the weight of made-up ties between each two answerers.

    Those without a bound tie with the others that have one, where there are any: they must not pull at the ones like them.
    """
    import numpy as np

    names = len(unbound)
    table = np.full((names, names), GHOST / max(names - 1, 1))
    bound = ~unbound if not unbound.all() else unbound
    extra = np.outer(unbound, bound / bound.sum()) * GHOST_APART
    table += np.maximum(extra, extra.T)
    np.fill_diagonal(table, 0)
    return table


def scores(contests: Contests, found: Fit, group: Array, groups: int) -> Any:
    """Return how much each group of comparisons pulls on each parameter: a sparse matrix, one row a group."""
    import numpy as np

    names = len(contests.names)
    pulls = found.residual
    values = [pulls, -pulls, *(pulls * getattr(contests, name) for name in COVARIATES)]
    columns = [contests.first, contests.second, *(np.full(len(pulls), names + at) for at in range(2))]
    rows = np.tile(group, len(values))
    return foreign("scipy.sparse").csr_matrix(
        (np.concatenate(values), (rows, np.concatenate(columns))), shape=(groups, names + len(COVARIATES))
    )


def covariance(contests: Contests, found: Fit, group: Array, groups: int) -> Array:
    """Return the covariance of the estimates when groups are independent and what is inside one need not be.

    The sandwich of Liang and Zeger (1986), times G/(G-1) as there are only ``groups``.
    """
    import numpy as np

    pulls = scores(contests, found, group, groups)
    meat = np.asarray((pulls.T @ pulls).todense())
    sandwich: Array = found.bread @ meat @ found.bread * (groups / max(groups - 1, 1))
    return sandwich
