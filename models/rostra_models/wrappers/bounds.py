"""What several models can hold together: whoever asks does not know which of them will answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from rostra.chat import Usage
from rostra.metering import added, most_of, taken_by
from rostra.protocols import Model


def window_of(models: Sequence[Model]) -> int:
    """Return the smallest window, in tokens."""
    return min(model.window for model in models)


def count_of(models: Sequence[Model], text: str) -> int:
    """Return the largest count of tokens."""
    return max(model.count(text) for model in models)


def taken_by_all(models: Sequence[Model]) -> frozenset[str]:
    """Return what all of them take beyond what every model does."""
    first, *others = map(taken_by, models)
    return first.intersection(*others)


def most_of_one(models: Sequence[Model], prompt: int, completion: int) -> Usage:
    """Return the most that a question takes which one of them answers."""
    each = [most_of(model, prompt, completion) for model in models]
    costs = [usage.cost for usage in each if usage.cost is not None]
    return Usage(
        prompt=max(usage.prompt for usage in each),
        completion=max(usage.completion for usage in each),
        cost=max(costs) if costs else None,
    )


def most_of_all(models: Sequence[Model], prompt: int, completion: int, *, times: int = 1) -> Usage:
    """Return the most that a question takes which all of them answer, so many times each."""
    return reduce(added, [most_of(model, prompt, completion) for model in models for _ in range(times)])
