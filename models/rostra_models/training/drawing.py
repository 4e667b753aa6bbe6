"""Answers drawn from a model by the engine that serves it, with their tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from rostra.chat import Utterance

from ..engine import Engine, Request
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


@dataclass(slots=True)
class Growing:
    """An answer as it comes: its tokens without the one that ends it, their log-probabilities at temperature 1, its end."""

    tokens: list[int] = field(default_factory=list[int])
    logs: list[float] = field(default_factory=list[float])
    ended: bool = False


def _unheard(_done: int) -> None:
    """Hear nothing."""


def grown(
    engine: Engine, requests: Sequence[Request], told: Callable[[int], None] = _unheard
) -> dict[tuple[int, int], Growing]:
    """Return what ``engine`` makes of ``requests``, by the number of each and of its answer. ``told`` hears how many are done."""
    found: dict[tuple[int, int], Growing] = {}
    for request in requests:
        engine.submit(request)
        found |= {(request.id, choice): Growing() for choice in range(request.n)}
    done = 0
    while engine.busy:
        for made in engine.step():
            one = found[made.id, made.choice]
            if made.token is not None:
                one.tokens.append(made.token)
                one.logs.append(0.0 if made.logprob is None else made.logprob)
            if made.finish:
                one.ended = made.finish == "stop"
                told(done := done + 1)
    return found


def seed_of(*numbers: int) -> int:
    """Return one seed for all of ``numbers``; the engine adds the number of the answer."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


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
    requests: list[Request] = []
    for number, question in enumerate(asked):
        tokens = said.conversation.tokens(question)
        room = how.window - len(tokens)
        if room < 1:
            continue
        requests.append(
            Request(
                id=number,
                tokens=tokens,
                max_tokens=min(how.max_tokens, room),
                temperature=how.temperature,
                seed=seed_of(how.seed, number),
                n=how.n,
                ends=said.ends,
                place=str(number),
            )
        )
    found: list[list[Drawn]] = [[] for _ in asked]
    for (number, _), one in grown(engine, requests, told).items():
        text = said.decode(one.tokens).strip()
        found[number].append(Drawn(tokens=tuple(one.tokens), text=text, ended=one.ended))
    return found
