"""Make probabilities of numbers, on texts that nothing was learned from."""

# Libraries of the extra "moderation", which is not always installed; what they return is known at run time only.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..heads import HEADS
from ..rules import BLOCK
from .rows import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

RATE = 0.001
"""Share of harmless texts that one head may block."""

ALARMING = 0.004
"""The same share of those that were written to alarm."""

_SHARE = 0.5
"""Most that the linear model counts beside the encoder: the tuning sources are few, and it knows their style best."""

_ENOUGH = 30
"""Harmful texts without which a head's own scale stays as it was."""


def calibrated(rows: Sequence[Row], encoder: Numbers, linear: Numbers) -> dict[str, list[float]]:
    """Return the factors and the bias of each head (`rostra_moderation.classifier.Calibration`).

    Platt's logistic regression on both models' numbers (https://doi.org/10.7551/mitpress/1113.003.0008), then the bias is
    moved to where `RATE` of the harmless rows, and `ALARMING` of the alarming ones, reach `BLOCK` at most: a probability
    for rooms in which harm is rare.
    """
    import numpy as np

    made: dict[str, list[float]] = {"encoder": [], "linear": [], "bias": []}
    harmless = np.array(
        [not row.harmful and all(row.labels.get(head) == 0 for head in HEADS) for row in rows]
    )
    written = np.array([row.source.startswith("written/") for row in rows])
    for position, head in enumerate(HEADS):
        known = np.array([head in row.labels for row in rows])
        wanted = np.array([row.labels.get(head, 0) for row in rows])
        both = np.stack((encoder[:, position], linear[:, position]), axis=1)
        factors, bias = _fitted(both[known], wanted[known])
        summed = both @ factors + bias
        highest = max(
            np.quantile(summed[harmless], 1 - RATE), np.quantile(summed[harmless & written], 1 - ALARMING)
        )
        bias += math.log(BLOCK / (1 - BLOCK)) - float(highest)
        for key, value in zip(made, (factors[0], factors[1], bias), strict=True):
            made[key].append(round(float(value), 5))
    return made


def _fitted(both: Numbers, wanted: Numbers) -> tuple[Numbers, float]:
    """Return factors that are not negative, and the bias."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    used = [column for column in range(2) if np.any(both[:, column])]
    if wanted.sum() < _ENOUGH:
        return np.array([float(column in used) / len(used) for column in range(2)]), 0.0
    while True:
        model = LogisticRegression(class_weight="balanced").fit(both[:, used], wanted)
        if model.coef_[0].min() >= 0 or len(used) == 1:
            factors = np.zeros(2)
            factors[used] = np.maximum(model.coef_[0], 0.05)
            if len(used) > 1:
                factors[1] = min(factors[1], _SHARE * factors[0])
            return factors, float(model.intercept_[0])
        used = [column for column, factor in zip(used, model.coef_[0], strict=True) if factor > 0]
