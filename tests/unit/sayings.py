"""A model for tests of wrappers: it goes through its takes, one for each question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.places import Place
from rostra.protocols import Model
from rostra.versions import ModelVersion

Take: TypeAlias = Sequence[Piece | str | Exception | asyncio.Event]
"""What happens: a piece is said, an exception raised, an event waited for."""

END = Piece(finish="stop", usage=Usage(prompt=2, completion=3))
HALL = Place(adapter="test", channel="hall")
YARD = Place(adapter="test", channel="yard")
ASKED = (Utterance(role="user", text="Why?"),)
SURE = Sampling(temperature=0.0)


@dataclass(slots=True)
class Sayer:
    """Says its takes in turn, the last one for ever. ``asked`` has every question, ``open`` the streams under way."""

    takes: Sequence[Take]
    name: str = "sayer"
    window: int = 100
    asked: list[tuple[Sequence[Utterance], Sampling]] = field(
        default_factory=list[tuple[Sequence[Utterance], Sampling]]
    )
    open: int = 0
    most: int = 0
    tokens: int = 0
    version: ModelVersion | None = None

    def count(self, text: str) -> int:
        return self.tokens or len(text.split())

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        take = self.takes[min(len(self.asked), len(self.takes) - 1)]
        self.asked.append((messages, sampling))
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            for happening in take:
                await asyncio.sleep(0)  # let others in
                match happening:
                    case Piece():
                        yield happening
                    case str():
                        yield Piece(text=happening)
                    case asyncio.Event():
                        await happening.wait()
                    case error:
                        raise error
        finally:
            self.open -= 1


async def heard(
    model: Model, sampling: Sampling = SURE, messages: Sequence[Utterance] = ASKED
) -> list[Piece]:
    """Ask and return all pieces."""
    return [piece async for piece in model.stream(messages, sampling)]


def text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)
