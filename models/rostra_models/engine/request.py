"""What an engine is asked for and what it gives back: tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``n`` continuations of ``tokens``.

    ``ends`` are tokens that end one and are no part of it. ``temperature`` 0 is greedy. Continuation ``choice`` is drawn
    with ``seed + choice``, so that it is the same whether or not others are made beside it. ``penalty`` above 1 makes
    what was said less likely (CTRL, https://arxiv.org/abs/1909.05858). Engines are fair between ``place`` and ``place``.
    """

    id: int
    tokens: Sequence[int]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    n: int = 1
    penalty: float = 1.0
    ends: frozenset[int] = frozenset()
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A token of a continuation, or its end.

    ``logprob`` is the natural logarithm of the token's probability as the model has it, at temperature 1 and without a
    penalty. The last one of each continuation has ``finish``: ``stop`` at one of the request's ends, without a token;
    ``length`` with its last token. ``cached`` of the prompt's tokens did not have to be read.
    """

    id: int
    choice: int = 0
    token: int | None = None
    logprob: float | None = None
    finish: Literal["stop", "length"] | None = None
    cached: int = 0
