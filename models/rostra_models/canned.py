"""A model with ready answers: for demonstrations, tests and measurements of everything but models."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Annotated

from pydantic import Field

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.clock import Clock
from rostra.components import Component, ComponentSettings, Services
from rostra.versions import ModelVersion

from .text import Stops, clean


class CannedSettings(ComponentSettings):
    """What is answered.

    ::

        [models.demo]
        kind = "canned"
        answers = { "What is the capital of France?" = "Paris." }

    - ``answers``: from questions to answers; case and spaces around a question do not matter.
    - ``otherwise``: the answer to everything else; without one the question comes back.
    - ``piece``: characters a piece, which counts as one token.
    - ``seconds``: from one piece to the next.
    - ``window``: tokens.
    """

    answers: Mapping[str, str] = Field(default_factory=dict[str, str])
    otherwise: str | None = None
    piece: Annotated[int, Field(ge=1)] = 4
    seconds: Annotated[float, Field(ge=0)] = 0.0
    window: Annotated[int, Field(ge=16)] = 8192


class CannedModel:
    """A `rostra.protocols.Model`. Costs about a microsecond a piece; temperature and seed change nothing."""

    def __init__(self, name: str, settings: CannedSettings, clock: Clock) -> None:
        self.name = name
        self.window = settings.window
        self.version = ModelVersion(name=name, source="canned", content=_content(settings))
        self._answers = {_key(question): clean(answer) for question, answer in settings.answers.items()}
        self._otherwise = None if settings.otherwise is None else clean(settings.otherwise)
        self._piece = settings.piece
        self._seconds = settings.seconds
        self._clock = clock

    def count(self, text: str) -> int:
        return -(-len(text) // self._piece)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        answer = self._answer(messages)
        prompt = sum(self.count(message.text) for message in messages)
        for choice in range(max(1, sampling.n)):
            made = 0
            stops = Stops(sampling.stop)
            for start in range(0, len(answer), self._piece):
                if made == sampling.max_tokens:
                    break
                if self._seconds:
                    await self._clock.sleep(self._seconds)
                text = answer[start : start + self._piece]
                text = stops.push(text) if sampling.stop else text
                made += 1
                if text:
                    yield Piece(text=text, choice=choice)
                if stops.found:
                    break
            whole = stops.found or made * self._piece >= len(answer)
            yield Piece(
                text=stops.rest(),
                finish="stop" if whole else "length",
                usage=Usage(prompt=prompt, completion=made),
                choice=choice,
            )

    def _answer(self, messages: Sequence[Utterance]) -> str:
        question = next((said.text for said in reversed(messages) if said.role == "user"), "")
        ready = self._answers.get(_key(question), self._otherwise)
        return clean(question) if ready is None else ready


def _content(settings: CannedSettings) -> str:
    """Return what its answers come from, as a hash."""
    said = [sorted(settings.answers.items()), settings.otherwise]
    return sha256(json.dumps(said).encode()).hexdigest()


def _key(question: str) -> str:
    return " ".join(question.split()).casefold()


@asynccontextmanager
async def open_canned(settings: CannedSettings, services: Services) -> AsyncGenerator[CannedModel]:
    """Open the model: there is nothing to load."""
    yield CannedModel(services.name, settings, services.clock)


component = Component(name="canned", settings=CannedSettings, open=open_canned)
