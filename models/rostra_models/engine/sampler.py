"""From logits to tokens: greedy, or drawn from the nucleus with random numbers of the answer's own."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import cast

import torch
from torch import Tensor

from .request import Request

REMEMBERED = 256
"""Tokens that the repetition penalty looks back. The prompt is left out: an answer takes up the words of its question."""

_FEW = 64
"""Most nuclei have fewer tokens; finding the likeliest of them is fifty times as fast as sorting a vocabulary."""


class Drawer:
    """Draws the tokens of one continuation. What it draws depends on the logits and its seed alone."""

    def __init__(self, request: Request, choice: int) -> None:
        self.said: list[int] = []
        self._request = request
        self._random = Random(request.seed + choice)  # noqa: S311  no secrets: the same seed is to give the same text

    @property
    def greedy(self) -> bool:
        """Whether it takes the likeliest token of the logits as they are."""
        return self._request.temperature <= 0 and self._request.penalty == 1

    def draw(self, logits: Tensor) -> int:
        """Return a token for ``logits``, ``[vocabulary]``."""
        request = self._request
        logits = penalized(logits, self.said[-REMEMBERED:], request.penalty)
        if request.temperature <= 0:
            return int(logits.argmax())
        odds = torch.softmax(logits.double() / request.temperature, dim=-1)
        return _inside(odds, request.top_p, self._random.random())


def draw(logits: Tensor, drawers: Sequence[Drawer]) -> list[tuple[int, float]]:
    """Return a token and its log-probability for each row of ``logits``, ``[drawers, vocabulary]``."""
    with torch.inference_mode():
        likeliest = cast("list[int]", logits.argmax(-1).tolist())  # pyright: ignore[reportUnknownMemberType]
        tokens = [
            token if drawer.greedy else drawer.draw(row)
            for token, drawer, row in zip(likeliest, drawers, logits, strict=True)
        ]
        for token, drawer in zip(tokens, drawers, strict=True):
            drawer.said.append(token)
        chosen = logits.gather(1, torch.tensor(tokens)[:, None])[:, 0]
        logprobs = cast("list[float]", (chosen - logits.logsumexp(-1)).tolist())  # pyright: ignore[reportUnknownMemberType]
        return list(zip(tokens, logprobs, strict=True))


def _inside(odds: Tensor, top_p: float, random: float) -> int:
    """Draw from the smallest set of likeliest tokens that has ``top_p`` of the odds (https://arxiv.org/abs/1904.09751)."""
    if top_p >= 1:
        return _at(odds.cumsum(0), random)
    few, tokens = odds.topk(min(_FEW, len(odds)))
    if float(few.sum()) < top_p:
        few, tokens = odds.sort(descending=True, stable=True)
    summed = few.cumsum(0)
    kept = int(torch.searchsorted(summed, top_p)) + 1  # the likeliest always stays
    return int(tokens[_at(summed[:kept], random)])


def _at(summed: Tensor, random: float) -> int:
    """Return which of the odds that were ``summed`` up a ``random`` number below 1 falls on."""
    return min(int(torch.searchsorted(summed, random * float(summed[-1]), right=True)), len(summed) - 1)


def penalized(logits: Tensor, said: Sequence[int], penalty: float) -> Tensor:
    """Return ``logits`` with what was ``said`` made less likely."""
    if penalty == 1 or not said:
        return logits
    again = torch.tensor(sorted(set(said)))
    before = logits[again]
    return logits.index_put((again,), torch.where(before < 0, before * penalty, before / penalty))
