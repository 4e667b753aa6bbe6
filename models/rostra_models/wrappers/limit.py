"""A model that answers only so many questions at a time; the others wait, place by place in turn."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

from pydantic import Field

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.components import Component, ComponentSettings, Names, Services
from rostra.metering import most_of, taken_by
from rostra.protocols import Model
from rostra.versions import ModelVersion, version_of

from .slots import Slots
from .streams import closing


class LimitSettings(ComponentSettings):
    """How much at once.

    ::

        [models.careful]
        kind = "limit"
        model = "mine"
        streams = 2

    - ``model``: the name of another ``[models.NAME]``.
    - ``streams``: answers under way at once.
    - ``waiting``: questions that may wait; further ones fail.
    """

    model: Annotated[str, Field(min_length=1), Names("models")]
    streams: Annotated[int, Field(ge=1)] = 4
    waiting: Annotated[int, Field(ge=0)] = 100


class LimitModel:
    """A `rostra.protocols.Model` with at most ``streams`` open streams of ``model``, which are freed when they are closed.

    Those that wait get their turn place by place (`Sampling.place`), so that a busy place does not keep the others
    waiting; see `Slots`.
    """

    def __init__(self, name: str, model: Model, *, streams: int = 4, waiting: int = 100) -> None:
        self.name = name
        self._model = model
        self._slots = Slots(name, streams, waiting)

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
        async with (
            self._slots.lend(sampling.place),
            closing(self._model.stream(messages, sampling)) as pieces,
        ):
            async for piece in pieces:
                yield piece


@asynccontextmanager
async def open_limit(settings: LimitSettings, services: Services) -> AsyncGenerator[LimitModel]:
    """Open the wrapper around the model it names."""
    model = services.models[settings.model]
    yield LimitModel(services.name, model, streams=settings.streams, waiting=settings.waiting)


component = Component(name="limit", settings=LimitSettings, open=open_limit)
