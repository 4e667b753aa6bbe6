"""The innermost handler: ask the model, pass on its pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from typing import cast

from .actions import Append, Begin, Emit, Ending, Finish
from .chat import FinishReason, Piece
from .clock import Clock
from .errors import ModelError
from .prompts import fit
from .protocols import Model
from .turns import Handler, Turn

ENDINGS: Mapping[FinishReason, Ending] = {
    "stop": "stop",
    "tool_calls": "stop",
    "length": "length",
    "content_filter": "content_filter",
}

COUNTED = 8192
"""Texts whose number of tokens is remembered, for each model."""


def answer_with(
    models: Mapping[str, Model], *, clock: Clock, first_token_seconds: float | None = None
) -> Handler:
    """Return the handler that asks the model of the turn's answerer.

    Raises `ModelError` where the model does, or if it says nothing at all, and `TimeoutError` if its first piece takes
    longer than ``first_token_seconds``.
    """
    # A conversation is counted anew with every question; what was said before is always the same.
    counts = {name: lru_cache(maxsize=COUNTED)(model.count) for name, model in models.items()}

    async def handle(turn: Turn, emit: Emit) -> None:
        model = models[turn.answerer.model]
        sampling = replace(turn.answerer.sampling, place=turn.place)
        budget = max(model.window - sampling.max_tokens, model.window // 2)
        prompt = fit(
            turn.system, turn.history, turn.question, budget=budget, count=counts[turn.answerer.model]
        )
        turn.trace.note(
            "answer",
            "asked",
            answerer=turn.answerer.name,
            model=model.name,
            prompt_tokens=prompt.tokens,
            forgotten=prompt.forgotten,
            cut=prompt.cut,
        )
        said: list[str] = []
        finish: FinishReason = "stop"
        started = clock.monotonic()
        async with _closing(model.stream(prompt.messages, sampling)) as pieces:
            piece = await _first(pieces, clock, first_token_seconds)
            waited = clock.monotonic() - started
            while piece is not None:
                if piece.text:
                    action = Append if said else Begin
                    said.append(piece.text)
                    await emit(action(reply=turn.reply, text=piece.text))
                finish = piece.finish or finish
                piece = await anext(pieces, None)
        text = "".join(said)
        turn.trace.note(
            "answer", "done", finish=finish, characters=len(text), first_piece_ms=round(waited * 1000)
        )
        if not text.strip():
            raise ModelError(f"model {model.name!r} answered with nothing")
        await emit(Finish(reply=turn.reply, text=text, ending=ENDINGS[finish]))

    return handle


@asynccontextmanager
async def _closing(pieces: AsyncIterator[Piece]) -> AsyncGenerator[AsyncIterator[Piece]]:
    # An async generator must be closed by whoever stops reading it; other iterators have nothing to close.
    if isinstance(pieces, AsyncGenerator):
        async with aclosing(cast("AsyncGenerator[Piece]", pieces)) as generator:
            yield generator
    else:
        yield pieces


async def _first(pieces: AsyncIterator[Piece], clock: Clock, seconds: float | None) -> Piece | None:
    if seconds is None:
        return await anext(pieces, None)
    async with clock.timeout(seconds):
        return await anext(pieces, None)
