"""Questions of those who bring their conversation along and wait on the line, such as the clients of an API.

Nothing of what they say is stored, nothing waits in a lane, and a process that dies tells them so by hanging up. What is asked
and answered goes through the stages that count, judge and bound it all the same, and can be explained afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .actions import Action, Capabilities, Emit, Finish, Retract, Show
from .asked import Asked
from .chat import Answerer, Piece, ToolCall, Utterance
from .clock import Clock
from .events import Message
from .pipeline import compose
from .places import Permission
from .protocols import Moderation
from .stages.persona import OfPlace, speak_as
from .stages.quota import REFUSED
from .stores import Journal
from .turns import Handler, Hear, Stage, Trace, Turn

STREAMED = Capabilities(append=True, delete=True)
"""An answer grows on the line, and its end may take it back: that is what ``content_filter`` says to clients."""
WHOLE = Capabilities()


class DirectAnswers:
    """A `rostra.protocols.Direct`: answers at once, or says why not, to whoever waits for it."""

    def __init__(self, handler: Handler, *, journal: Journal, clock: Clock) -> None:
        """Answer by ``handler``, which `pipeline` returns."""
        self._handler = handler
        self._journal = journal
        self._clock = clock

    async def answer(self, asked: Asked, emit: Emit, *, trace: Trace, hear: Hear | None = None) -> None:
        """Answer by actions, the last of which is a `Finish` or a `Retract`; ``trace`` has the decisions as they are made.

        ``hear`` is told what the model says as it says it, before it is judged: what comes that way is for figures, or for
        when an action has released it. Calls of tools are judged before the `Finish` that lets them go. Raises `ModelError`,
        `TimeoutError` and `StoreError`: then there is no last action.
        """
        at = asked.asked_at
        event = Message(
            id=asked.reply,
            place=asked.place,
            author=asked.author,
            text=asked.said[at].text,
            sent_at=self._clock.now(),
        )
        turn = Turn(
            event=event,
            author=asked.author,
            permission=Permission.ASKER,
            reply=asked.reply,
            question=event.text,
            answerer=asked.answerer if asked.streams else _in_one(asked.answerer),
            capabilities=STREAMED if asked.streams else WHOLE,
            trace=trace,
            history=asked.said[:at],
            since=asked.said[at + 1 :],
            system="\n\n".join(filter(None, (asked.answerer.prompt, asked.system))) if asked.system else "",
            hear=hear,
        )
        told = False

        def explain() -> None:
            nonlocal told
            if not told:
                told = True
                self._journal.explain(event, asked.reply, trace.steps, trace.verdicts)

        async def out(action: Action) -> None:
            if isinstance(action, Finish | Retract | Show):
                explain()
            await emit(action)

        try:
            await self._handler(turn, out)
        finally:
            explain()


def pipeline(
    answer: Handler,
    moderation: Moderation,
    *,
    quota: Stage,
    stages: Sequence[Stage],
    voices: tuple[OfPlace, OfPlace],
    bound: Stage,
) -> Handler:
    """Return the stages that hold for everybody, in their order, around ``answer``, which asks conversations as they are (`rostra.answer.unabridged`).

    ``voices`` are the personas there are in a place and what is chosen for it; ``bound`` is what ends an answer that takes
    too long. Whoever keeps their own conversation is asked and told nothing else: no commands, no history, no lanes.
    """
    judged = (quota, _judged_before(moderation), _calls_in, moderation.stage, _calls_out)
    return compose((*judged, *stages, _voiced(voices), bound), answer)


def lacking(trace: Trace) -> float | None:
    """Return the seconds until a quota has room again that had none for this question; None where none kept it back."""
    for step in trace.steps:
        if step.stage == "quota" and step.what.endswith(REFUSED):
            return float(dict(step.facts)["seconds"])
    return None


def _in_one(answerer: Answerer) -> Answerer:
    """Return an answerer whose model need not stream: nobody sees anything of the answer before all of it was judged."""
    return replace(answerer, sampling=replace(answerer.sampling, whole=True))


def _judged_before(moderation: Moderation) -> Stage:
    """Judge all that was said before and since, as strictly as the question: nobody has, as far as we know."""

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            fit: list[Utterance] = []
            for said in (*turn.history, *turn.since):
                passed = await _judged(said, turn, emit, moderation)
                if passed is None:
                    turn.trace.note("direct", "refused what was said before", utterance=len(fit))
                    return
                fit.append(passed)
            if fit:
                before = len(turn.history)
                turn = replace(turn, history=tuple(fit[:before]), since=tuple(fit[before:]))
            await inner(turn, emit)

        return handle

    return stage


async def _judged(said: Utterance, turn: Turn, emit: Emit, moderation: Moderation) -> Utterance | None:
    """Return an utterance as the model may see it; None where it was refused, and the reply ended by that."""
    text = said.text + _spelled(said.calls)
    fit = await _passed(text, turn, emit, moderation)
    if fit is None or fit == text:
        return said if fit is not None else None
    if not said.calls:
        return replace(said, text=fit)
    # Something was blotted out: each part is judged by itself, so that it is blotted out where it stands.
    parts: list[str] = []
    for part in (said.text, *(f"{call.name} {call.arguments}" for call in said.calls)):
        fit = await _passed(part, turn, emit, moderation)
        if fit is None:
            return None
        parts.append(fit)
    calls: list[ToolCall] = []
    for call, part in zip(said.calls, parts[1:], strict=True):
        name, _, arguments = part.partition(" ")
        calls.append(replace(call, name=name, arguments=arguments))
    return replace(said, text=parts[0], calls=tuple(calls))


async def _passed(text: str, turn: Turn, emit: Emit, moderation: Moderation) -> str | None:
    """Return a text that was said before as the model may see it; None where it was refused, and the reply ended by that."""
    if not text:
        return text
    passed: list[str] = []

    async def take(fit: Turn, _: Emit) -> None:
        passed.append(fit.question)

    trace = Trace()
    await moderation.stage(take)(replace(turn, question=text, history=(), since=(), trace=trace), emit)
    turn.trace.used.extend(trace.used)
    if not passed:
        turn.trace.steps.extend(trace.steps)
        turn.trace.verdicts.extend(trace.verdicts)
        return None
    return passed[0]


def _calls_out(inner: Handler) -> Handler:
    """Spell the calls that an answer ends in at its end, so that whoever judges the answer judges them, too."""

    async def handle(turn: Turn, emit: Emit) -> None:
        heard, calls = _listening(turn)

        async def out(action: Action) -> None:
            if isinstance(action, Finish) and calls:
                action = replace(action, text=action.text + _spelled(calls))
            await emit(action)

        await inner(heard, out)

    return handle


def _calls_in(inner: Handler) -> Handler:
    """Take away again what `_calls_out` spelled. Where it is not what it was, the calls are not the ones that were judged."""

    async def handle(turn: Turn, emit: Emit) -> None:
        heard, calls = _listening(turn)

        async def out(action: Action) -> None:
            if isinstance(action, Finish) and calls and action.ending != "content_filter":
                before, spelled, after = action.text.partition(_spelled(calls))
                action = replace(action, text=before + after)
                if not spelled:
                    action = replace(action, text="", ending="content_filter")
            await emit(action)

        await inner(heard, out)

    return handle


def _listening(turn: Turn) -> tuple[Turn, list[ToolCall]]:
    """Return a turn that is listened to, and the list of the calls that are heard."""
    calls: list[ToolCall] = []
    hear = turn.hear

    def listen(piece: Piece) -> None:
        calls.extend(piece.calls)
        if hear is not None:
            hear(piece)

    return replace(turn, hear=listen), calls


def _spelled(calls: Sequence[ToolCall]) -> str:
    return "".join(f"\n\n{call.name} {call.arguments}" for call in calls)


def _voiced(voices: tuple[OfPlace, OfPlace]) -> Stage:
    """Let the persona speak where the asker brought no system prompt."""

    def stage(inner: Handler) -> Handler:
        spoken = speak_as(*voices)(inner)

        async def handle(turn: Turn, emit: Emit) -> None:
            await (inner if turn.system else spoken)(turn, emit)

        return handle

    return stage
