"""Fit the linear model over hashed pieces of words, one head at a time."""

# Libraries of the extra "moderation", which is not always installed; what they return is known at run time only.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..hashing import BITS, features
from ..heads import HEADS
from ..wordpiece import words
from .augment import augmenter
from .rows import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray


def matrix(texts: Sequence[str]) -> Any:
    """Return the features of ``texts`` as a sparse matrix whose rows have length 1."""
    import numpy as np
    from scipy.sparse import csr_matrix

    rows = [features(words(text)) for text in texts]
    starts = np.cumsum([0, *(len(row) for row in rows)])
    values = np.concatenate([np.full(len(row), max(len(row), 1) ** -0.5, dtype=np.float32) for row in rows])
    return csr_matrix((values, np.concatenate(rows), starts), shape=(len(rows), 1 << BITS))


def fit(rows: Sequence[Row], *, alpha: float = 2e-6, epochs: int = 6, seed: int = 1) -> tuple[Any, Any]:
    """Return weights (table by heads) and biases of logistic regressions on ``rows`` and on one other form of each."""
    import numpy as np
    from sklearn.linear_model import SGDClassifier

    augmented = augmenter(rows, seed)
    both = [*rows, *(augmented(row) for row in rows)]
    found = matrix([row.text for row in both])
    weights = np.zeros((1 << BITS, len(HEADS)), dtype=np.float32)
    biases = np.zeros(len(HEADS), dtype=np.float32)
    for position, head in enumerate(HEADS):
        known = [index for index, row in enumerate(both) if head in row.labels]
        model: Any = SGDClassifier(
            loss="log_loss",
            alpha=alpha,
            max_iter=epochs,
            tol=None,  # pyright: ignore[reportArgumentType]  None is what its documentation says
            average=True,
            random_state=seed,
        )
        model.fit(
            found[known],
            [both[index].labels[head] for index in known],
            sample_weight=[both[index].weight for index in known],
        )
        weights[:, position] = model.coef_[0]
        biases[position] = model.intercept_[0]
    return weights, biases


def export(weights: NDArray[Any], biases: NDArray[Any], path: Path) -> None:
    """Write weights in eight bits, one scale a head: what is rarer than one in ten thousand is cut to what fits."""
    import numpy as np

    scale = np.maximum(np.quantile(np.abs(weights), 0.9999, axis=0), 1e-6) / 127
    table = np.clip(np.round(weights / scale), -127, 127).astype(np.int8)
    np.savez_compressed(path, table=table, scale=scale.astype(np.float32), bias=biases.astype(np.float32))
