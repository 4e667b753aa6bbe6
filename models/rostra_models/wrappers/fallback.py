"""A chain of models: the next one is asked when one fails before it said anything."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

import structlog
from pydantic import Field

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.clock import Clock, SystemClock
from rostra.components import Component, ComponentSettings, Names, Services
from rostra.errors import ModelError
from rostra.protocols import Model

from .bounds import count_of, most_of_one, taken_by_all, window_of
from .streams import closing, first, one_line

log = structlog.get_logger(__name__)


class FallbackSettings(ComponentSettings):
    """Who is asked, and for how long.

    ::

        [models.sure]
        kind = "fallback"
        models = ["large", "small"]
        first_seconds = 10

    - ``models``: names of other ``[models.NAME]``, in the order in which they are asked.
    - ``first_seconds``: how long each but the last may take to its first piece; by default as long as it likes.
    """

    models: Annotated[tuple[str, ...], Field(min_length=1), Names("models")]
    first_seconds: Annotated[float, Field(gt=0)] | None = None


class FallbackModel:
    """A `rostra.protocols.Model` that asks the next of ``models`` where one fails before its first piece.

    An answer that ends without a word or a call counts as failed. Once something was said nothing is repeated: the
    error goes through. The window is the smallest, a count the largest of all.
    """

    def __init__(
        self,
        name: str,
        models: Sequence[Model],
        *,
        first_seconds: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not models:
            raise ValueError(f"model {name!r} has no models to ask; give one or more")
        self.name = name
        self._models = tuple(models)
        self._seconds = first_seconds
        self._clock = clock or SystemClock()

    @property
    def window(self) -> int:
        return window_of(self._models)

    @property
    def takes(self) -> frozenset[str]:
        return taken_by_all(self._models)

    def count(self, text: str) -> int:
        return count_of(self._models, text)

    def most(self, prompt: int, completion: int) -> Usage:
        return most_of_one(self._models, prompt, completion)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        failures: list[tuple[str, ModelError]] = []
        for model in self._models:
            last = model is self._models[-1]
            # The first piece of a whole answer comes with the last, which nobody waits for so shortly.
            asked = sampling if last else replace(sampling, whole=False)
            async with closing(model.stream(messages, asked)) as pieces:
                try:
                    piece = await self._first(model, pieces, None if last else self._seconds)
                    if not last:
                        _check(piece, sampling)
                except ModelError as error:
                    failures.append((model.name, error))
                    log.warning("model failed", chain=self.name, model=model.name, why=one_line(error))
                else:
                    if failures:
                        log.info("another model answers", chain=self.name, model=model.name)
                    yield piece
                    async for piece in pieces:
                        yield piece
                    return
        if len(failures) == 1:
            raise failures[0][1]
        raise ModelError("; ".join(f"model {name!r}: {one_line(error)}" for name, error in failures))

    async def _first(self, model: Model, pieces: AsyncIterator[Piece], seconds: float | None) -> Piece:
        """Return the first piece. Raises `ModelError`, also where it takes too long."""
        try:
            async with self._clock.timeout(seconds):
                return await first(pieces, model.name)
        except TimeoutError as error:
            within = "" if seconds is None else f" within {seconds:g} s"
            raise ModelError(f"it said nothing{within}") from error


def _check(piece: Piece, sampling: Sampling) -> None:
    """Raise `ModelError` if ``piece`` is the whole of an answer, and empty. A filter that spoke has answered."""
    whole = sampling.n == 1 and piece.finish in {"stop", "length"}
    if whole and not piece.text.strip() and not piece.calls:
        raise ModelError("it answered with nothing")


@asynccontextmanager
async def open_fallback(settings: FallbackSettings, services: Services) -> AsyncGenerator[FallbackModel]:
    """Open the wrapper around the models it names."""
    models = [services.models[name] for name in settings.models]
    yield FallbackModel(services.name, models, first_seconds=settings.first_seconds, clock=services.clock)


component = Component(name="fallback", settings=FallbackSettings, open=open_fallback)
