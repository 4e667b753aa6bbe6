"""Several answers to one question, made at the same time and kept piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from rostra.chat import Piece, Sampling, ToolCall, Usage, Utterance
from rostra.errors import ModelError
from rostra.protocols import Model

from .streams import closing, one_line

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Candidate:
    """One answer as it was said."""

    pieces: list[Piece] = field(default_factory=list[Piece])

    @property
    def utterance(self) -> Utterance:
        calls: list[ToolCall] = [call for piece in self.pieces for call in piece.calls]
        text = "".join(piece.text for piece in self.pieces)
        return Utterance(role="assistant", text=text, calls=tuple(calls))

    @property
    def good(self) -> bool:
        """Whether it is an answer at all: with words or a call, and not ended by a filter."""
        said = self.utterance
        filtered = any(piece.finish == "content_filter" for piece in self.pieces)
        return bool(said.text.strip() or said.calls) and not filtered


async def candidates_of(
    models: Sequence[Model], messages: Sequence[Utterance], sampling: Sampling
) -> tuple[Sequence[Candidate], Usage | None]:
    """Ask all ``models`` and return what they said, `Sampling.n` answers of each, and what it took together.

    The answers come in the order of the models and of their choices, whoever was faster. A model that fails is left
    out; raises `ModelError` if all do.
    """
    tasks = [asyncio.create_task(_asked(model, messages, sampling)) for model in models]
    try:
        heard = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    failures = [(model, one) for model, one in zip(models, heard, strict=True) if isinstance(one, ModelError)]
    if len(failures) == len(models):
        if len(failures) == 1:
            raise failures[0][1]
        raise ModelError("; ".join(f"model {model.name!r}: {one_line(why)}" for model, why in failures))
    for model, why in failures:
        log.warning("model makes no candidates", model=model.name, why=one_line(why))
    pieces = [one for one in heard if not isinstance(one, ModelError)]
    usages = (piece.usage for said in pieces for piece in said if piece.usage is not None)
    return [candidate for said in pieces for candidate in _parted(said)], total(usages)


async def _asked(
    model: Model, messages: Sequence[Utterance], sampling: Sampling
) -> Sequence[Piece] | ModelError:
    try:
        async with closing(model.stream(messages, sampling)) as stream:
            said = [piece async for piece in stream]
    except ModelError as error:
        return error
    return said or ModelError(f"model {model.name!r} ended its answer without a piece")


def _parted(pieces: Sequence[Piece]) -> Sequence[Candidate]:
    """Return the candidates in ``pieces``, by their numbers."""
    parted: dict[int, Candidate] = {}
    for piece in pieces:
        parted.setdefault(piece.choice, Candidate()).pieces.append(piece)
    return [parted[choice] for choice in sorted(parted)]


def total(usages: Iterable[Usage]) -> Usage | None:
    """Return all ``usages`` together; None for none. The cost is None where nobody gave one."""
    together: Usage | None = None
    for usage in usages:
        together = usage if together is None else _both(together, usage)
    return together


def _both(one: Usage, other: Usage) -> Usage:
    costs = [cost for cost in (one.cost, other.cost) if cost is not None]
    return replace(
        one,
        prompt=one.prompt + other.prompt,
        completion=one.completion + other.completion,
        cached=one.cached + other.cached,
        cost=sum(costs) if costs else None,
    )
