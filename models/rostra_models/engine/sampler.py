"""From logits to tokens: greedy, or drawn from the nucleus with random numbers of the answer's own.

By numpy: on a single row PyTorch takes longer to be called than numpy to be done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .request import Request

REMEMBERED = 256
"""Tokens that the repetition penalty looks back. The prompt is left out: an answer takes up the words of its question."""

_COLDEST = 1e-30
"""The lowest temperature above 0: below, numbers of 32 bits overflow, and nothing but the likeliest token is drawn anyway."""

_SHARES = (1e-2, 1e-4, 0.0)
"""Most nuclei are among the tokens with so much of the likeliest one's odds: to sort few is faster than a vocabulary."""

Numbers: TypeAlias = NDArray[np.floating[Any]]


class Drawer:
    """Draws the tokens of one continuation. What it draws depends on the logits and its seed alone."""

    def __init__(self, request: Request, choice: int) -> None:
        self.said: list[int] = []
        self._request = request
        self._random = Random(request.seed + choice)  # noqa: S311  no secrets: the same seed is to give the same text

    def draw(self, logits: Numbers) -> int:
        """Return a token for ``logits``, ``[vocabulary]``."""
        request = self._request
        logits = penalized(logits, self.said[-REMEMBERED:], request.penalty)
        if request.temperature <= 0:
            return int(logits.argmax())
        odds = np.exp((logits - logits.max()) * (1 / max(request.temperature, _COLDEST)))
        return _inside(odds, request.top_p, self._random.random())


def draw(logits: Tensor, drawers: Sequence[Drawer]) -> list[tuple[int, float]]:
    """Return a token and its log-probability for each row of ``logits``, ``[drawers, vocabulary]`` in 32 bits."""
    rows: Numbers = logits.numpy()
    found: list[tuple[int, float]] = []
    for row, drawer in zip(rows, drawers, strict=True):
        token = drawer.draw(row)
        drawer.said.append(token)
        top = row.max()
        # As torch.logsumexp does it, but summed in 64 bits.
        summed = float(np.exp(row - top).sum(dtype=np.float64))
        found.append((token, float(row[token]) - float(top) - math.log(summed)))
    return found


def _inside(odds: Numbers, top_p: float, random: float) -> int:
    """Draw from the smallest set of likeliest tokens that has ``top_p`` of the odds (https://arxiv.org/abs/1904.09751).

    What the odds sum up to does not matter.
    """
    if top_p >= 1:
        return _at(odds.cumsum(dtype=np.float64), random)
    enough, top = top_p * float(odds.sum(dtype=np.float64)), float(odds.max())
    tokens, few = np.empty(0, dtype=np.int64), np.empty(0)
    for share in _SHARES:
        tokens = np.flatnonzero(odds > share * top)
        few = odds[tokens].astype(np.float64)
        if float(few.sum()) >= enough:
            break
    order = np.argsort(-few, kind="stable")
    summed = few[order].cumsum()
    kept = int(np.searchsorted(summed, enough)) + 1  # the likeliest always stays
    return int(tokens[order[_at(summed[:kept], random)]])


def _at(summed: Numbers, random: float) -> int:
    """Return which of the odds that were ``summed`` up a ``random`` number below 1 falls on."""
    return min(int(np.searchsorted(summed, random * float(summed[-1]), side="right")), len(summed) - 1)


def penalized(logits: Numbers, said: Sequence[int], penalty: float) -> Numbers:
    """Return ``logits`` with what was ``said`` made less likely."""
    if penalty == 1 or not said:
        return logits
    again = sorted(set(said))
    before, changed = logits[again], logits.copy()
    changed[again] = np.where(before < 0, before * penalty, before / penalty)
    return changed
