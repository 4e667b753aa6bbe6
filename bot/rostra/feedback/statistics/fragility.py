"""How many ballots decide who stands first: the fewest that must be dropped for another to lead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..judged import Judged
from .contests import Contests, Sampling, contests
from .fitting import Fit, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

RIVALS = 5
TRIES = 12
GROWTH = 1.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragility:
    """Dropping the ballots ``judgments`` makes ``rival`` lead instead of ``leader``; they are ``share`` of all.

    The number is an upper bound that was tried, not a proof that fewer would not do. ``judgments`` is empty, and ``rival`` too,
    where dropping up to half of the ballots changed nothing.
    """

    leader: str
    rival: str
    judgments: tuple[str, ...]
    share: float


def fragility(judged: Iterable[Judged], *, sampling: Sampling = "all") -> Fragility:
    """Return how many ballots decide who stands first. Raises `ValueError` where nothing was compared."""
    return decided_by(contests(judged, sampling))


def decided_by(arena: Contests) -> Fragility:
    """Return how many ballots decide who stands first, by the influence of each and a fit without them.

    Broderick, Giordano and Meager (arXiv 2011.14999), for preferences Huang, Shen, Wei and Broderick (arXiv 2508.11847).
    Raises `ValueError` where nothing was compared, or nobody's strength is bounded.
    """
    import numpy as np

    found = fit(arena)
    sound = np.flatnonzero(~found.unbound)
    if not len(sound):
        raise ValueError("nobody has both won and lost, so that nobody stands first for sure")
    order = sound[np.argsort(-found.estimate[sound])]
    leader = int(order[0])
    best: tuple[int, list[int]] | None = None
    for rival in order[1 : 1 + RIVALS]:
        dropped = _flipping(
            arena, found, leader, int(rival), len(arena.judgments) // 2 if best is None else len(best[1]) - 1
        )
        if dropped is not None:
            best = (int(rival), dropped)
    if best is None:
        return Fragility(leader=arena.names[leader], rival="", judgments=(), share=0.0)
    return Fragility(
        leader=arena.names[leader],
        rival=arena.names[best[0]],
        judgments=tuple(arena.judgments[at] for at in best[1]),
        share=len(best[1]) / len(arena.judgments),
    )


def _flipping(arena: Contests, found: Fit, leader: int, rival: int, most: int) -> list[int] | None:
    """Return ballots (at most ``most``) without which ``rival`` is above ``leader``, or None."""
    import numpy as np

    pull = found.bread[:, leader] - found.bread[:, rival]
    names = len(arena.names)
    along = (
        pull[arena.first] - pull[arena.second] + pull[names] * arena.position + pull[names + 1] * arena.length
    )
    influence = np.bincount(arena.ballot, weights=found.residual * along, minlength=len(arena.judgments))
    order = np.argsort(-influence, kind="stable")
    lead = found.estimate[leader] - found.estimate[rival]
    enough = np.flatnonzero(np.cumsum(influence[order]) > lead)
    if not len(enough):
        return None
    count = int(enough[0]) + 1
    for _ in range(TRIES):
        if count > most or influence[order[count - 1]] <= 0:
            return None
        keep = np.ones(len(arena.judgments))
        keep[order[:count]] = 0
        again = fit(arena, start=found.estimate, keep=keep[arena.ballot]).estimate
        if again[rival] > again[leader]:
            return [int(at) for at in order[:count]]
        count = max(count + 1, int(count * GROWTH))
    return None
