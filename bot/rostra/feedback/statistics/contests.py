"""From judgments to the comparisons in them, as arrays: who met whom, who won, and what else may have decided it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..judged import Judged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Sampling: TypeAlias = Literal["all", "uniform", "inverse"]
"""Every judgment alike; only those of tasks drawn uniformly; those of picked tasks by the inverse of their propensity."""

HEAVIEST = 20.0
"""What no judgment weighs more than, by inverse propensity: one of a thousandth would decide alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contests:
    """Comparisons of two answers, one an element; the first one was shown above (or before) the second.

    ``first`` and ``second`` count in ``names``, ``prompt``, ``rater`` and ``ballot`` from 0. ``score`` is 1 where the first
    won, 0 where the second did, ½ for a tie. ``weight``: the pairs of one ballot weigh 1 together. ``position`` is how far
    below the second was shown, 1 for the whole screen; ``length`` is how much longer the first is, from -1 to 1.
    ``left_out`` counts judgments that say nothing here, by reason.
    """

    names: tuple[str, ...]
    raters: tuple[str, ...]
    judgments: tuple[str, ...]
    prompts: int
    first: Array
    second: Array
    score: Array
    weight: Array
    position: Array
    length: Array
    prompt: Array
    rater: Array
    ballot: Array
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])

    def __len__(self) -> int:
        return len(self.first)


@dataclass(slots=True, kw_only=True)
class _Codes:
    """Numbers things in the order in which they come."""

    known: dict[str, int] = field(default_factory=dict[str, int])

    def __call__(self, name: str) -> int:
        return self.known.setdefault(name, len(self.known))


_Row: TypeAlias = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, int, int, int], float]


class Tally:
    """Takes judgments one by one and keeps of each only what a leaderboard needs.

    Left out are what quality control took out, gold tasks (their answers were chosen so that one is better), ballots that rank
    nothing, and comparisons with answers that people wrote (a person who edits prefers their own words).
    """

    def __init__(self, sampling: Sampling = "all") -> None:
        self._sampling = sampling
        self._names, self._prompts, self._raters = _Codes(), _Codes(), _Codes()
        self._judgments: list[str] = []
        self._rows: dict[int, list[_Row]] = {}
        self._left_out: Counter[str] = Counter()

    def add(self, judged: Judged) -> None:
        """Take one judgment."""
        reason = self._unfit(judged)
        if reason:
            self._left_out[reason] += 1
            return
        row = (
            tuple(self._names(name) if name else -1 for name in judged.answerers),
            tuple(tier or 0 for tier in judged.tiers),
            judged.lengths,
            (
                judged.loose or -1,
                self._prompts(judged.prompt),
                self._raters(judged.rater),
                len(self._judgments),
            ),
            judged.propensity or 0.0,
        )
        self._judgments.append(judged.judgment)
        self._rows.setdefault(len(judged.tiers), []).append(row)

    def _unfit(self, judged: Judged) -> str:
        if judged.excluded:
            return "excluded"
        if judged.outcome != "ranked":
            return judged.outcome.replace("_", " ")
        if judged.gold:
            return "gold"
        if self._sampling == "uniform" and judged.propensity is not None:
            return "picked"
        return ""

    def contests(self) -> Contests:
        """Return the comparisons of all judgments so far."""
        import numpy as np

        parts = [_pairs(k, rows) for k, rows in sorted(self._rows.items()) if k > 1]
        columns = {
            name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0, dtype=kind)
            for name, kind in _KINDS.items()
        }
        propensity = columns.pop("propensity")
        if self._sampling == "inverse":
            columns["weight"] = columns["weight"] * inverse(propensity)
        # prompts whose ballots compare nothing are no clusters
        prompts, columns["prompt"] = np.unique(columns["prompt"], return_inverse=True)
        return Contests(
            names=tuple(self._names.known),
            raters=tuple(self._raters.known),
            judgments=tuple(self._judgments),
            prompts=len(prompts),
            left_out=dict(self._left_out),
            **columns,
        )


_KINDS = {
    "first": "int32",
    "second": "int32",
    "score": "float64",
    "weight": "float64",
    "position": "float64",
    "length": "float64",
    "prompt": "int32",
    "rater": "int32",
    "ballot": "int32",
    "propensity": "float64",
}


def _pairs(k: int, rows: list[_Row]) -> dict[str, Array]:
    """Return the comparisons of ballots with ``k`` answers, as `rostra.feedback.ranking.pairs` has them."""
    import numpy as np

    names = np.array([row[0] for row in rows], dtype=np.int32)
    tiers = np.array([row[1] for row in rows], dtype=np.int8)
    lengths = np.array([row[2] for row in rows], dtype=np.float64)
    ids = np.array([row[3] for row in rows], dtype=np.int32)
    slots = np.array(list(combinations(range(k), 2)), dtype=np.int32)
    above, below = slots[:, 0], slots[:, 1]
    one, other = tiers[:, above], tiers[:, below]
    compared = (one > 0) & (other > 0) & ~((one == other) & (one == ids[:, :1]))
    compared &= (names[:, above] >= 0) & (names[:, below] >= 0)
    total = lengths[:, above] + lengths[:, below]
    spread = {
        "first": names[:, above],
        "second": names[:, below],
        "score": (1 + np.sign(other - one)) / 2,
        "weight": compared / np.maximum(compared.sum(axis=1, keepdims=True), 1),
        "position": (below - above) / (k - 1),
        "length": (lengths[:, above] - lengths[:, below]) / np.maximum(total, 1),
        "prompt": ids[:, 1:2],
        "rater": ids[:, 2:3],
        "ballot": ids[:, 3:4],
        "propensity": np.array([[row[4]] for row in rows]),
    }
    return {
        name: np.broadcast_to(values, compared.shape)[compared].astype(_KINDS[name], copy=False)
        for name, values in spread.items()
    }


def inverse(propensity: Array) -> Array:
    """Return weights by inverse propensity: 1 for the uniform slice (0), and 1 on average for the rest, `HEAVIEST` at most.

    Dividing by the mean stands for the number of tasks that there were, which nobody stored (Hájek's estimator).
    """
    import numpy as np

    picked = propensity > 0
    weights = np.ones(len(propensity))
    if picked.any():
        raw = 1 / propensity[picked]
        weights[picked] = np.minimum(raw / raw.mean(), HEAVIEST)
    return weights


def contests(judged: Iterable[Judged], sampling: Sampling = "all") -> Contests:
    """Return the comparisons in ``judged``."""
    tally = Tally(sampling)
    for one in judged:
        tally.add(one)
    return tally.contests()
