"""A model that is asked again when it failed before it said anything."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import structlog
from pydantic import Field

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.clock import Clock, SystemClock
from rostra.components import Component, ComponentSettings, Names, Services
from rostra.errors import ModelError, ModelMissing
from rostra.metering import most_of, taken_by
from rostra.protocols import Model
from rostra.versions import ModelVersion, version_of

from .streams import closing, first, one_line

log = structlog.get_logger(__name__)


class RetrySettings(ComponentSettings):
    """How stubborn to be.

    ::

        [models.patient]
        kind = "retry"
        model = "mine"

    - ``model``: the name of another ``[models.NAME]``.
    - ``attempts``: how often it is asked at most, the first time included.
    - ``first_delay``, ``longest_delay``: seconds; each delay is drawn between 0 and a limit that begins with the
      first and doubles up to the longest.
    - ``seconds``: after so long, counted from the question, it is not asked again.
    """

    model: Annotated[str, Field(min_length=1), Names("models")]
    attempts: Annotated[int, Field(ge=1)] = 3
    first_delay: Annotated[float, Field(ge=0)] = 0.5
    longest_delay: Annotated[float, Field(ge=0)] = 10.0
    seconds: Annotated[float, Field(gt=0)] = 30.0


class RetryModel:
    """A `rostra.protocols.Model` that asks ``model`` again after a `ModelError` that came before the first piece.

    Once something was said nothing is repeated: the error goes through, as does `ModelMissing`, which waiting does not
    help. Delays are drawn from the whole of a growing interval ("full jitter",
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """

    def __init__(
        self,
        name: str,
        model: Model,
        settings: RetrySettings,
        *,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``draw`` gives a number from 0 to 1 for each delay."""
        self.name = name
        self._model = model
        self._settings = settings
        self._clock = clock or SystemClock()
        self._draw = draw

    @property
    def window(self) -> int:
        return self._model.window

    @property
    def version(self) -> ModelVersion | None:
        """What answers: the model inside (`rostra.protocols.Versioned`)."""
        return version_of(self._model)

    @property
    def takes(self) -> frozenset[str]:
        return taken_by(self._model)

    def count(self, text: str) -> int:
        return self._model.count(text)

    def most(self, prompt: int, completion: int) -> Usage:
        return most_of(self._model, prompt, completion)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        end = self._clock.monotonic() + self._settings.seconds
        for attempt in range(self._settings.attempts):
            async with closing(self._model.stream(messages, sampling)) as pieces:
                try:
                    piece = await first(pieces, self._model.name)
                except ModelMissing:
                    raise
                except ModelError as error:
                    failure = error
                else:
                    yield piece
                    async for piece in pieces:
                        yield piece
                    return
            await self._wait(attempt, end, failure)

    async def _wait(self, attempt: int, end: float, failure: ModelError) -> None:
        """Wait before the next attempt. Raises ``failure`` if there will be none."""
        settings = self._settings
        delay = self._draw() * min(settings.longest_delay, settings.first_delay * 2.0**attempt)
        if attempt + 1 == settings.attempts or self._clock.monotonic() + delay >= end:
            raise failure
        log.info(
            "model is asked again", model=self._model.name, in_seconds=round(delay, 2), why=one_line(failure)
        )
        await self._clock.sleep(delay)


@asynccontextmanager
async def open_retry(settings: RetrySettings, services: Services) -> AsyncGenerator[RetryModel]:
    """Open the wrapper around the model it names."""
    yield RetryModel(services.name, services.models[settings.model], settings, clock=services.clock)


component = Component(name="retry", settings=RetrySettings, open=open_retry)
