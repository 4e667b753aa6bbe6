"""What several models can hold together: whoever asks does not know which of them will answer."""

from __future__ import annotations

from collections.abc import Sequence

from rostra.protocols import Model


def window_of(models: Sequence[Model]) -> int:
    """Return the smallest window, in tokens."""
    return min(model.window for model in models)


def count_of(models: Sequence[Model], text: str) -> int:
    """Return the largest count of tokens."""
    return max(model.count(text) for model in models)
