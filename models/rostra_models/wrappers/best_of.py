"""A model that makes several answers and says the one that a scorer likes best."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import structlog
from pydantic import Field

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.clock import Clock, SystemClock
from rostra.components import Component, ComponentSettings, Names, Services
from rostra.errors import ModelError
from rostra.protocols import Model, Scorer

from .bounds import count_of, most_of_all, window_of
from .candidates import Candidate, candidates_of
from .ranking import rerank
from .streams import one_line

CANDIDATES = 4
"""Answers that one model makes where nothing else is said."""

log = structlog.get_logger(__name__)


class BestOfSettings(ComponentSettings):
    """How many answers, and who chooses.

    ::

        [models.best]
        kind = "best-of"
        models = ["mine"]
        scorer = "reward"

    - ``models``: names of other ``[models.NAME]``, all of which are asked.
    - ``scorer``: the name of a ``[scorers.NAME]``.
    - ``n``: answers that each makes; by default 4 if it is one model, and 1 if there are several.
    - ``scorer_seconds``: how long choosing may take.
    - ``unscored``: what is said when the scorer fails: the ``first`` answer, or nothing (``fail``).
    """

    models: Annotated[tuple[str, ...], Field(min_length=1), Names("models")]
    scorer: Annotated[str, Field(min_length=1), Names("scorers")]
    n: Annotated[int, Field(ge=1)] | None = None
    scorer_seconds: Annotated[float, Field(gt=0)] = 30.0
    unscored: Literal["first", "fail"] = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """How many answers each model makes, how long choosing may take, and what is said where the scorer fails."""

    n: int | None = None
    seconds: float = 30.0
    unscored: Literal["first", "fail"] = "first"


class BestOfModel:
    """A `rostra.protocols.Model` that asks all of ``models`` and streams the answer with the highest score.

    Nothing is said before all answers are there: the first piece comes after the whole of the longest. The winner is
    said in the pieces it was made in, with their log-probabilities; its usage is that of all candidates. With
    `Sampling.n` the best so many are said, the best as choice 0. The same seed gives the same winner if the models and the
    scorer are repeatable. At a temperature of 0 one model has one answer, and nothing is scored.
    """

    def __init__(
        self,
        name: str,
        models: Sequence[Model],
        scorer: Scorer,
        how: Choosing | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        if not models:
            raise ValueError(f"model {name!r} has no models to ask; give one or more")
        self.name = name
        self._models = tuple(models)
        self._scorer = scorer
        how = how or Choosing()
        self._n = how.n or (CANDIDATES if len(models) == 1 else 1)
        self._seconds = how.seconds
        self._unscored = how.unscored
        self._clock = clock or SystemClock()

    @property
    def window(self) -> int:
        return window_of(self._models)

    def count(self, text: str) -> int:
        return count_of(self._models, text)

    def most(self, prompt: int, completion: int) -> Usage:
        return most_of_all(self._models, prompt, completion, times=self._n)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        wanted = max(1, sampling.n)
        n = max(self._n, -(-wanted // len(self._models)))
        if sampling.temperature == 0 and wanted == 1:
            n = 1  # the others would be the same
        made, usage = await candidates_of(self._models, messages, replace(sampling, n=n))
        best = (await self._ordered(messages, made))[:wanted]
        for choice, candidate in enumerate(best):
            for piece in _said(candidate, choice, usage if choice + 1 == len(best) else None):
                yield piece

    async def _ordered(self, messages: Sequence[Utterance], made: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return ``made``, the best first, those that are no answer last."""
        good = [one for one in made if one.good]
        others = [one for one in made if not one.good]
        if len({one.utterance for one in good}) <= 1:
            return [*good, *others]
        try:
            async with self._clock.timeout(self._seconds):
                ranked = await rerank(self._scorer, messages, [one.utterance for one in good])
        except (ModelError, TimeoutError) as error:
            why = one_line(error) if isinstance(error, ModelError) else f"not within {self._seconds:g} s"
            if self._unscored == "fail":
                raise ModelError(f"scorer {self._scorer.name!r} could not choose: {why}") from error
            log.warning("scorer could not choose", scorer=self._scorer.name, why=why)
            return [*good, *others]
        return [*(good[one.index] for one in ranked), *others]


def _said(candidate: Candidate, choice: int, usage: Usage | None) -> Iterator[Piece]:
    """Yield the pieces of a candidate; ``usage`` goes with the last."""
    *pieces, last = candidate.pieces
    for piece in pieces:
        yield replace(piece, choice=choice, usage=None)
    yield replace(last, choice=choice, usage=usage)


@asynccontextmanager
async def open_best_of(settings: BestOfSettings, services: Services) -> AsyncGenerator[BestOfModel]:
    """Open the wrapper around the models and the scorer that it names."""
    yield BestOfModel(
        services.name,
        [services.models[name] for name in settings.models],
        services.scorers[settings.scorer],
        Choosing(n=settings.n, seconds=settings.scorer_seconds, unscored=settings.unscored),
        clock=services.clock,
    )


component = Component(name="best-of", settings=BestOfSettings, open=open_best_of)
