"""A model whose calls are written down, word by word: to debug, and to replay (`rostra_models.wrappers.replay`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

import structlog
from pydantic import Field

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.clock import Clock
from rostra.components import Component, ComponentSettings, Names, Services
from rostra.metering import most_of, taken_by
from rostra.protocols import Model
from rostra.versions import ModelVersion, version_of

from .calls import Call, Outcome, line_of
from .streams import closing, one_line
from .tape import Tape, open_tape

log = structlog.get_logger(__name__)


class RecorderSettings(ComponentSettings):
    """What is kept. Recordings hold everything that was said, by everybody, in the clear.

    ::

        [models.watched]
        kind = "recorder"
        model = "mine"

    - ``model``: the name of another ``[models.NAME]``.
    - ``keep_days``: older recordings are deleted.
    - ``megabytes``: what all recordings may have together; then the oldest are deleted.
    """

    model: Annotated[str, Field(min_length=1), Names("models")]
    keep_days: Annotated[int, Field(ge=1)] = 7
    megabytes: Annotated[float, Field(gt=0)] = 100.0


class RecorderModel:
    """A `rostra.protocols.Model` that passes on what ``model`` says and writes each call to ``tape`` when it ends."""

    def __init__(self, name: str, model: Model, tape: Tape, clock: Clock) -> None:
        self.name = name
        self._model = model
        self._tape = tape
        self._clock = clock

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
        at = self._clock.now().isoformat(timespec="milliseconds")
        started = self._clock.monotonic()
        said: list[tuple[float, Piece]] = []
        outcome: Outcome = "closed"
        why = ""
        try:
            async with closing(self._model.stream(messages, sampling)) as pieces:
                async for piece in pieces:
                    said.append((self._clock.monotonic() - started, piece))
                    yield piece
            outcome = "done"
        except Exception as error:
            outcome, why = "failed", one_line(error)
            raise
        finally:
            call = Call(
                at=at,
                model=self._model.name,
                messages=tuple(messages),
                sampling=sampling,
                pieces=tuple(said),
                seconds=round(self._clock.monotonic() - started, 4),
                outcome=outcome,
                why=why,
            )
            self._tape.write(partial(line_of, call))


@asynccontextmanager
async def open_recorder(settings: RecorderSettings, services: Services) -> AsyncGenerator[RecorderModel]:
    """Open the wrapper around the model it names, and say so: somebody should know that words are kept."""
    log.warning("model is recorded with all that is said", model=settings.model, folder=str(services.data))
    async with open_tape(
        services.data, keep_days=settings.keep_days, megabytes=settings.megabytes, clock=services.clock
    ) as tape:
        yield RecorderModel(services.name, services.models[settings.model], tape, services.clock)


component = Component(name="recorder", settings=RecorderSettings, open=open_recorder)
