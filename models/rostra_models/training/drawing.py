"""Answers drawn from a model by the engine that serves it, with their tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rostra.chat import Utterance

from ..engine import Request
from ..engine.loading import Kind, load
from ..generation import speech

SEATS = 32
"""Answers that are made side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How answers are drawn: ``n`` a question, at most ``max_tokens`` each, in a ``window`` of tokens with the question.

    ``temperature`` 0 is greedy. Nothing is cut from the distribution: what is drawn is the model's at that temperature.
    ``numbers`` is what is computed with; ``float32`` is the model as it was trained, ``auto`` as it is served.
    """

    n: int = 1
    temperature: float = 1.0
    max_tokens: int = 128
    window: int = 2048
    seed: int = 0
    numbers: Kind = "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One answer. ``ended``: it ended of itself, and was not cut; the token that ends it is not among ``tokens``."""

    tokens: tuple[int, ...]
    text: str
    ended: bool


def _unheard(_done: int) -> None:
    """Hear nothing."""


def drawn(
    folder: Path,
    asked: Sequence[Sequence[Utterance]],
    how: Drawing,
    told: Callable[[int], None] = _unheard,
) -> list[list[Drawn]]:
    """Return ``how.n`` answers to each question of ``asked`` by the model in ``folder``; none where a question has no room.

    The same seed gives the same answers, whoever else is asked beside. ``told`` hears how many answers are done.
    """
    engine = load(
        folder,
        kind=how.numbers,
        threads=torch.get_num_threads(),
        window=how.window,
        seats=max(SEATS, how.n),
    )
    said = speech(folder)
    made: dict[tuple[int, int], list[int]] = {}
    ended: dict[tuple[int, int], bool] = {}
    for number, question in enumerate(asked):
        tokens = said.conversation.tokens(question)
        room = how.window - len(tokens)
        if room < 1:
            continue
        engine.submit(
            Request(
                id=number,
                tokens=tokens,
                max_tokens=min(how.max_tokens, room),
                temperature=how.temperature,
                seed=_seed(how.seed, number),
                n=how.n,
                ends=said.ends,
                place=str(number),
            )
        )
        made |= {(number, choice): [] for choice in range(how.n)}
    while engine.busy:
        for one in engine.step():
            if one.token is not None:
                made[one.id, one.choice].append(one.token)
            if one.finish:
                ended[one.id, one.choice] = one.finish == "stop"
                told(len(ended))
    return [
        [
            Drawn(
                tokens=tuple(made[number, choice]),
                text=said.decode(made[number, choice]).strip(),
                ended=ended[number, choice],
            )
            for choice in range(how.n)
            if (number, choice) in made
        ]
        for number in range(len(asked))
    ]


def _seed(seed: int, number: int) -> int:
    # The engine adds the number of the answer.
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0] >> np.uint64(1))
