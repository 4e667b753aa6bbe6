"""Wrap the answering handler in stages, first stage outermost. This is the whole of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from .turns import Handler, Stage


def compose(stages: Sequence[Stage], answer: Handler) -> Handler:
    """Return ``answer`` inside ``stages``."""
    return reduce(lambda handler, stage: stage(handler), reversed(stages), answer)
