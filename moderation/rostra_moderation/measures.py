"""How well scores tell what is harmful from what is not: the usual figures, in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def auprc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Return average precision: the area under precision over recall, as steps, ties taken together.

    As ``sklearn.metrics.average_precision_score``. NaN without a positive.
    """
    import numpy as np

    hits, taken = _curve(labels, scores)
    if not len(hits) or hits[-1] == 0:
        return float("nan")
    recall = np.diff(hits, prepend=0) / hits[-1]
    return float((recall * hits / taken).sum())


def roc_auc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Return the chance that a harmful text scores higher than a harmless one; half of it for ties. NaN without both."""
    import numpy as np

    hits, taken = _curve(labels, scores)
    if not len(hits) or hits[-1] in {0, taken[-1]}:
        return float("nan")
    misses = taken - hits
    area = np.trapezoid(np.concatenate(([0], hits)), np.concatenate(([0], misses)))
    return float(area / hits[-1] / misses[-1])


def threshold(harmless: Sequence[float], rate: float) -> float:
    """Return the lowest score that at most ``rate`` of ``harmless`` lie above."""
    import numpy as np

    ordered = np.sort(np.asarray(harmless, dtype=float))[::-1]
    allowed = int(rate * len(ordered))
    return float(ordered[allowed]) if len(ordered) else 0.0


def recall_at(labels: Sequence[int], scores: Sequence[float], rate: float) -> float:
    """Return the share of what is harmful that scores above what all but ``rate`` of the harmless do. NaN without both."""
    import numpy as np

    wanted, found = np.asarray(labels), np.asarray(scores)
    if wanted.all() or not wanted.any():
        return float("nan")
    return float((found[wanted == 1] > threshold(found[wanted == 0].tolist(), rate)).mean())


def _curve(labels: Sequence[int], scores: Sequence[float]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return, for each distinct score from the highest down, how many harmful texts, and texts, reach it."""
    import numpy as np

    wanted, found = np.asarray(labels, dtype=int), np.asarray(scores, dtype=float)
    order = np.argsort(-found, kind="stable")
    ends = (
        np.append(np.flatnonzero(np.diff(found[order])), len(order) - 1)
        if len(order)
        else np.array([], dtype=int)
    )
    return np.cumsum(wanted[order])[ends], ends + 1
