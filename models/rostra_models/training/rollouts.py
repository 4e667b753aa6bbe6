"""Answers drawn from a model as it is now, by the engine that serves: many at once, each until its end.

Differs from the usual: no padding to the longest answer, no prompt read twice for several answers, and what is drawn depends
on the weights and the seed alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from ..engine import Engine, Request
from ..engine.foreign import Foreign
from ..engine.loading import Kind, lean
from ..engine.runner import Runner
from ..shape import shape_of
from .drawing import grown, seed_of
from .lora import merged_state

MEMORY = 4_000_000_000
"""Bytes that the conversations under way may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer to question ``question``: its ``tokens``, with the end token if it came to one (``ended``).

    ``logs`` are the log-probabilities of its tokens, without the end token, as the engine computed them at temperature 1.
    """

    question: int
    tokens: tuple[int, ...]
    ended: bool
    logs: tuple[float, ...]

    @property
    def said(self) -> tuple[int, ...]:
        """The tokens without the end token."""
        return self.tokens[:-1] if self.ended else self.tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Draws answers from ``policy``, a causal language model of transformers that may be in training.

    ``end`` is the token that ends an answer, ``longest`` how many tokens one may have with it; ``kind`` what the engine
    computes with, and ``seats`` how many answers are drawn at once.
    """

    policy: Module
    end: int
    longest: int
    temperature: float = 1.0
    kind: Kind = "float32"
    seats: int = 64

    def answers(
        self,
        questions: Mapping[int, Sequence[int]],
        *,
        seed: Sequence[int],
        each: int = 1,
        greedy: bool = False,
    ) -> list[Answer]:
        """Return ``each`` answers to every question, by its number, those of one question side by side.

        The weights are taken as they are now. What is drawn depends on them, the ``seed`` and the question's number.
        """
        if not questions:
            return []
        window = max(map(len, questions.values())) + self.longest + 1
        requests = [
            Request(
                id=number,
                tokens=tokens,
                max_tokens=self.longest,
                temperature=0.0 if greedy else self.temperature,
                seed=seed_of(*seed, number),
                n=each,
                ends=frozenset({self.end}),
            )
            for number, tokens in questions.items()
        ]
        compiler: Any = torch.compiler
        # The loop looks at a model in half precision, and what it compiled is compiled for rows of answers.
        with torch.autocast("cpu", enabled=False), compiler.set_stance("force_eager"):
            engine = Engine(self._runner(), window=window, memory=MEMORY, seats=self.seats)
            found = grown(engine, requests)
        return [
            Answer(
                question=number,
                tokens=(*one.tokens, self.end) if one.ended else tuple(one.tokens),
                ended=one.ended,
                logs=tuple(one.logs),
            )
            for (number, _), one in found.items()
        ]

    def _runner(self) -> Runner:
        """Return the model as the engine reads it: a copy with low-rank parts merged, or what transformers runs itself."""
        whole: Any = self.policy
        shape = shape_of(whole.config.to_dict())
        if shape is not None:
            return lean(shape, _Here(merged_state(self.policy)), kind=self.kind)
        return Foreign(whole.eval())


class _Here(Mapping[str, Tensor]):
    """Weights where the engine computes, each brought there when it is asked for."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = weights

    def __getitem__(self, name: str) -> Tensor:
        return self._weights[name].detach().cpu()

    def __iter__(self) -> Any:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)
