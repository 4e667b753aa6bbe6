"""The innermost handler: ask the model, pass on its pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from .actions import Append, Begin, Emit, Ending, Finish
from .chat import FinishReason, Piece, Sampling, Utterance
from .clock import Clock
from .eager import within
from .errors import ModelError, PromptTooLong
from .metering import metered
from .prompts import FRAME, RECALLED, Prompt, budget_of, fit, overhead, recent
from .protocols import Model
from .turns import Handler, Turn
from .versions import sampling_id, version_of

ENDINGS: Mapping[FinishReason, Ending] = {
    "stop": "stop",
    "tool_calls": "stop",
    "length": "length",
    "content_filter": "content_filter",
}

After: TypeAlias = Callable[[Turn, str], None]
"""Takes a turn, as it was answered, and its answer. It does not wait and does not raise."""


Prompting: TypeAlias = Callable[[Turn, Model], Prompt]
"""Says what a model is asked. Raises `ModelError`."""


def answer_with(
    models: Mapping[str, Model],
    *,
    clock: Clock,
    first_token_seconds: float | None = None,
    prompting: Prompting | None = None,
    after: After | None = None,
) -> Handler:
    """Return the handler that asks the model of the turn's answerer what ``prompting`` says: by default, what `fitted` does.

    Raises `ModelError` where the model does, or if it says nothing at all, and `TimeoutError` if its first piece takes
    longer than ``first_token_seconds``, unless the answer is wanted whole (`Sampling.whole`).
    """
    prompting = prompting or fitted()

    async def handle(turn: Turn, emit: Emit) -> None:
        model = models[turn.answerer.model]
        prompt = prompting(turn, model)
        _note(turn, model, prompt)
        # Servers refuse to be asked for more than fits beside the prompt.
        room = max(model.window - prompt.tokens, 1)
        sampling = turn.answerer.sampling
        sampling = replace(sampling, place=turn.place, max_tokens=min(sampling.max_tokens, room))
        said: list[str] = []
        finish: FinishReason = "stop"
        started = clock.monotonic()
        with metered(turn, model, prompt.tokens) as meter:
            pieces = model.stream(prompt.messages, sampling)
            try:
                # Of a whole answer the first piece may be the last: what ends the turn ends the wait for it.
                patience = None if sampling.whole else first_token_seconds
                piece = await _first(pieces, clock, patience)
                waited = clock.monotonic() - started
                while piece is not None:
                    meter.take(piece)
                    if turn.hear is not None:
                        turn.hear(piece)
                    if piece.text:
                        action = Append if said else Begin
                        said.append(piece.text)
                        await emit(action(reply=turn.reply, text=piece.text))
                    finish = piece.finish or finish
                    piece = await anext(pieces, None)
            finally:
                # An async generator must be closed by whoever stops reading it; other iterators have nothing to close.
                if isinstance(pieces, AsyncGenerator):
                    await pieces.aclose()
        text = "".join(said)
        turn.trace.note(
            "answer", "done", finish=finish, characters=len(text), first_piece_ms=round(waited * 1000)
        )
        if not text.strip() and finish != "tool_calls":
            raise ModelError(f"model {model.name!r} answered with nothing")
        await emit(Finish(reply=turn.reply, text=text, ending=ENDINGS[finish]))
        if after is not None:
            after(turn, text)

    return handle


def fitted(utterances: int = RECALLED) -> Prompting:
    """Ask as much of the conversation as fits into the model's window, and at most its last ``utterances``."""

    def prompting(turn: Turn, model: Model) -> Prompt:
        sampling = turn.answerer.sampling
        begin = recent(turn.history, utterances)
        prompt = fit(
            turn.system,
            turn.history[begin:],
            turn.question,
            budget=budget_of(model.window, sampling.max_tokens, sampling.tools, count=model.count),
            count=model.count,
            notes=turn.summary,
        )
        return replace(prompt, forgotten=begin + prompt.forgotten)

    return prompting


def unabridged(turn: Turn, model: Model) -> Prompt:
    """Ask the conversation as it is, for those who keep their own. Raises `PromptTooLong` where it does not fit."""
    head = (Utterance(role="system", text=turn.system),) if turn.system else ()
    asked = (*head, *turn.history, Utterance(role="user", text=turn.question), *turn.since)
    each = overhead(model.count)
    tokens = FRAME + sum(model.count(said.text) + each for said in asked)
    if tokens >= model.window:
        raise PromptTooLong(f"the conversation has {tokens:,} tokens; {model.window:,} fit, answer included")
    return Prompt(messages=asked, tokens=tokens)


def _note(turn: Turn, model: Model, prompt: Prompt) -> None:
    """Note in the turn's trace what is asked."""
    turn.trace.note(
        "answer",
        "asked",
        answerer=turn.answerer.name,
        model=model.name,
        prompt_tokens=prompt.tokens,
        forgotten=prompt.forgotten,
        cut=prompt.cut,
        **_what_answers(model, turn.answerer.sampling),
    )


def _what_answers(model: Model, sampling: Sampling) -> Mapping[str, str]:
    """Return the ids that rankings will refer to; no version where the model tells none."""
    version = version_of(model)
    known = {} if version is None else {"model_version": version.id}
    return {**known, "sampling_config": sampling_id(sampling)}


async def _first(pieces: AsyncIterator[Piece], clock: Clock, seconds: float | None) -> Piece | None:
    if seconds is None:
        return await anext(pieces, None)
    return await within(clock, seconds, _next(pieces))


async def _next(pieces: AsyncIterator[Piece]) -> Piece | None:
    return await anext(pieces, None)
