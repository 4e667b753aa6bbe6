"""A model that remembers its answers, and makes an answer once that several ask for at the same time."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Annotated

from pydantic import Field

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.clock import Clock, SystemClock
from rostra.components import Component, ComponentSettings, Names, Services
from rostra.metering import most_of, taken_by
from rostra.protocols import Model
from rostra.versions import ModelVersion, version_of

from .flight import Flight
from .streams import closing


class CacheSettings(ComponentSettings):
    """What is remembered.

    ::

        [models.quick]
        kind = "cache"
        model = "mine"

    - ``model``: the name of another ``[models.NAME]``.
    - ``entries``, ``characters``: how many answers are kept, and how long they may be together; those that were not
      asked for the longest are dropped first.
    - ``seconds``: how old an answer may be.
    - ``by_place``: do not give an answer that was made for one place to another.
    """

    model: Annotated[str, Field(min_length=1), Names("models")]
    entries: Annotated[int, Field(ge=1)] = 1000
    characters: Annotated[int, Field(ge=1)] = 4_000_000
    seconds: Annotated[float, Field(gt=0)] = 3600.0
    by_place: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    pieces: tuple[Piece, ...]
    characters: int
    until: float


class CacheModel:
    """A `rostra.protocols.Model` that answers from memory what ``model`` was asked before, word by word the same.

    Only where the same question has the same answer: a temperature of 0, or a seed. Failures, answers that a filter
    ended and those that nobody waited for are not kept. Questions are kept as keyed hashes, answers as they are, both in
    memory only. What comes from memory costs nothing: its usage says so.
    """

    def __init__(
        self, name: str, model: Model, settings: CacheSettings, *, clock: Clock | None = None
    ) -> None:
        self.name = name
        self._model = model
        self._settings = settings
        self._clock = clock or SystemClock()
        self._secret = secrets.token_bytes(32)
        self._kept: OrderedDict[bytes, _Entry] = OrderedDict()
        self._characters = 0
        self._flights: dict[bytes, Flight] = {}

    @property
    def window(self) -> int:
        return self._model.window

    @property
    def version(self) -> ModelVersion | None:
        """What answers: the model inside (`rostra.protocols.Versioned`)."""
        return version_of(self._model)

    @property
    def entries(self) -> int:
        """How many answers are kept now."""
        return len(self._kept)

    @property
    def characters(self) -> int:
        """How many characters the kept answers have together."""
        return self._characters

    @property
    def takes(self) -> frozenset[str]:
        return taken_by(self._model)

    def count(self, text: str) -> int:
        return self._model.count(text)

    def most(self, prompt: int, completion: int) -> Usage:
        return most_of(self._model, prompt, completion)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        if not _repeatable(sampling):
            async with closing(self._model.stream(messages, sampling)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        key = self._key(messages, sampling)
        kept = self._recalled(key)
        if kept is not None:
            for piece in kept.pieces:
                yield _free(piece)
            return
        flight = self._flights.get(key)
        first = flight is None or (flight.done and not flight.whole)  # a failure is nobody else's answer
        if flight is None or first:
            flight = self._flights[key] = Flight(self._model.stream(messages, sampling), self._model.name)
        async with aclosing(self._shared(key, flight, max(1, sampling.n))) as pieces:
            async for piece in pieces:
                yield piece if first else _free(piece)

    async def _shared(self, key: bytes, flight: Flight, choices: int) -> AsyncGenerator[Piece]:
        flight.readers += 1
        try:
            async with aclosing(flight.follow()) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            flight.readers -= 1
            if (flight.done or not flight.readers) and self._flights.get(key) is flight:
                del self._flights[key]  # first of all: nobody may join what is about to end
                if flight.whole:
                    self._keep(key, flight.pieces, choices)
            if not flight.readers:
                await flight.cancel()

    def _key(self, messages: Sequence[Utterance], sampling: Sampling) -> bytes:
        version = (
            self.version
        )  # another model's answers, or the same one's before it was trained on, are not its own
        place = sampling.place if self._settings.by_place else None
        asked = {
            "version": version and version.id,
            "messages": [asdict(message) for message in messages],
            "sampling": asdict(
                replace(sampling, place=place, whole=False)
            ),  # in one piece or many, it is the same
        }
        return hashlib.blake2b(json.dumps(asked).encode(), key=self._secret, digest_size=32).digest()

    def _recalled(self, key: bytes) -> _Entry | None:
        entry = self._kept.get(key)
        if entry is None:
            return None
        if entry.until <= self._clock.monotonic():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return entry

    def _keep(self, key: bytes, pieces: Sequence[Piece], choices: int) -> None:
        ends = [piece.finish for piece in pieces if piece.finish is not None]
        size = sum(map(_size, pieces))
        if len(ends) != choices or "content_filter" in ends or size > self._settings.characters:
            return
        if key in self._kept:
            self._drop(key)
        until = self._clock.monotonic() + self._settings.seconds
        self._kept[key] = _Entry(pieces=tuple(pieces), characters=size, until=until)
        self._characters += size
        while len(self._kept) > self._settings.entries or self._characters > self._settings.characters:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        self._characters -= self._kept.pop(key).characters


def _repeatable(sampling: Sampling) -> bool:
    return sampling.temperature == 0 or sampling.seed is not None


def _size(piece: Piece) -> int:
    """Return the characters of a piece; a log-probability takes as much memory as a few of them."""
    calls = sum(len(call.id) + len(call.name) + len(call.arguments) for call in piece.calls)
    return len(piece.text) + calls + 8 * len(piece.logprobs or ())


def _free(piece: Piece) -> Piece:
    """Return ``piece`` as one that was paid for already."""
    if piece.usage is None:
        return piece
    cost = None if piece.usage.cost is None else 0.0
    usage = Usage(
        prompt=piece.usage.prompt, completion=piece.usage.completion, cached=piece.usage.prompt, cost=cost
    )
    return replace(piece, usage=usage)


@asynccontextmanager
async def open_cache(settings: CacheSettings, services: Services) -> AsyncGenerator[CacheModel]:
    """Open the wrapper around the model it names; what it remembers is gone when it closes."""
    yield CacheModel(services.name, services.models[settings.model], settings, clock=services.clock)


component = Component(name="cache", settings=CacheSettings, open=open_cache)
