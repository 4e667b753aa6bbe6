"""A canned model whose answers wait at every ``⏸`` until they are let on: nobody has to guess how long anything takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from rostra.chat import Piece, Sampling, Utterance
from rostra.components import Component, Services
from rostra_models.canned import CannedModel, CannedSettings, open_canned

PAUSE = "⏸"


class PausedModel:
    """A `rostra.protocols.Model`."""

    def __init__(self, inner: CannedModel) -> None:
        self.inner = inner
        self.name = inner.name
        self.window = inner.window
        self.version = inner.version
        self._on = asyncio.Semaphore(0)

    def go_on(self) -> None:
        """Let one answer on, from where it waits or will wait next."""
        self._on.release()

    def count(self, text: str) -> int:
        return self.inner.count(text)

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        async for piece in self.inner.stream(messages, sampling):
            *before, last = piece.text.split(PAUSE)
            for text in before:
                if text:
                    yield Piece(text=text, choice=piece.choice)
                await self._on.acquire()
            yield replace(piece, text=last)


@asynccontextmanager
async def _open(settings: CannedSettings, services: Services) -> AsyncGenerator[PausedModel]:
    async with open_canned(settings, services) as inner:
        yield PausedModel(inner)


component = Component(name="paused", settings=CannedSettings, open=_open)
