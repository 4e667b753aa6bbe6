"""The stage that acts on verdicts: on what people say on the way in, on what the bot says on the way out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog

from rostra.actions import Action, Append, Begin, Emit, Finish, Replace, Retract, Show, Typing
from rostra.events import Message
from rostra.places import Place
from rostra.refusals import Refusals
from rostra.turns import Handler, Turn
from rostra.verdicts import Decision, Direction, Passage
from rostra.views import as_text

from .guard import Guard, Hold
from .policy import Ruling, Sheet


class Court(Protocol):
    """Who decides: all moderators and the policy of a place."""

    def sheet(self, place: Place) -> Sheet:
        """Return the policy as it is in ``place``."""
        ...

    def rule_now(self, passage: Passage) -> Ruling | None:
        """Return a ruling if it can be had without waiting, else None. Never raises."""
        ...

    async def rule(self, passage: Passage) -> Ruling:
        """Return a ruling. Never raises."""
        ...


class _Stop(asyncio.CancelledError):
    """Ends a handler whose answer was blocked, the way a cancelled task ends: its clean-up runs, its catches do not."""


def stage(inner: Handler, *, court: Court, refusals: Refusals, language: str) -> Handler:
    """Return a handler that has the question judged before ``inner`` sees it, and holds back what ``inner`` emits.

    A question that is blocked is answered with one `Finish`, and ``inner`` is not called. When an answer is blocked,
    what was shown is retracted, or a `Finish` stands for all of it, and ``inner`` ends by what looks to it like a
    cancellation. Every character that leaves was covered by a verdict.
    """

    async def handle(turn: Turn, emit: Emit) -> None:
        sheet = court.sheet(turn.place)
        refuse = _Refusal(turn=turn, refusals=refusals, language=language)
        if _unreadable(turn) and sheet.unjudgeable == "block":
            turn.trace.note("moderation", "block", direction="question", rule="an attachment is not text")
            await emit(Finish(reply=turn.reply, text=refuse("unjudgeable"), ending="content_filter"))
            return
        passage = Passage(text=turn.question, direction="question", place=turn.place, author=turn.author)
        ruling = court.rule_now(passage) or await court.rule(passage)
        note(turn, ruling, "question")
        if ruling.blocks:
            text = refuse(_reason(ruling))
            await emit(Finish(reply=turn.reply, text=text, ending="content_filter"))
            return
        answer = _Answer(turn, emit, court, refuse, _hold(turn, sheet))
        try:
            await inner(turn, answer.take)
        except asyncio.CancelledError:
            if not answer.over or _cancelled():
                raise
            if answer.failure is not None:
                raise answer.failure from None
        except Exception as error:
            if not answer.refused:
                raise
            # The reply has ended; what its handler stumbles over afterwards changes nothing for anybody.
            structlog.get_logger(__name__).warning("handler failed after a block", error=type(error).__name__)
        finally:
            answer.note()

    return handle


def _cancelled() -> bool:
    """Say whether somebody wants this task to end, and it is not just `_Stop` that passes through."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@dataclass(frozen=True, slots=True)
class _Refusal:
    turn: Turn
    refusals: Refusals
    language: str

    def __call__(self, reason: str) -> str:
        return self.refusals.render(
            reason, place=self.turn.place, trace=self.turn.reply, language=self.language
        )


def _unreadable(turn: Turn) -> bool:
    event = turn.event
    return isinstance(event, Message) and any(each.text is None for each in event.attachments)


def _hold(turn: Turn, sheet: Sheet) -> Hold:
    """Return the policy's hold; where nothing can be taken back, or shown early, the whole answer is awaited."""
    can = turn.capabilities
    return sheet.hold if can.retracts and can.streams else "full"


def _reason(ruling: Ruling) -> str:
    if ruling.verdict.kind != "judged":
        return "broken"
    return ruling.category or "blocked"


def note(turn: Turn, ruling: Ruling, direction: Direction) -> None:
    """Put a ruling into the trace of its turn: all that explains it, nothing of the text."""
    verdict = ruling.verdict
    turn.trace.judged(direction, verdict)
    turn.trace.note(
        "moderation",
        verdict.decision.name.lower(),
        direction=direction,
        category=ruling.category,
        score=ruling.score,
        threshold=ruling.threshold,
        rule=verdict.rule,
        source=verdict.source,
        policy=verdict.policy,
        kind=verdict.kind,
    )


class _Answer:
    """One answer on its way out."""

    def __init__(self, turn: Turn, emit: Emit, court: Court, refuse: _Refusal, hold: Hold) -> None:
        self._turn = turn
        self._emit = emit
        self._court = court
        self._refuse = refuse
        self._hold: Hold = hold
        self._guard: Guard | None = None
        self._shown = False
        self._stale = False  # what is shown belongs to a text that was replaced since
        self._worst: Ruling | None = None
        self.over = False  # blocked: nothing that is emitted from here on matters
        self.refused = False  # … and people were told
        self.failure: Exception | None = None  # … or could not be

    async def take(self, action: Action) -> None:
        """Be the `Emit` of the handler inside."""
        if self.over:
            if isinstance(action, Typing):
                return
            raise _Stop
        match action:
            case Typing():
                await self._emit(action)
            case Begin() | Append():
                await self._feed(action.text)
            case Replace():
                self._guard = None
                self._stale = self._shown
                await self._feed(action.text)
            case Finish():
                await self._finish(action)
            case Retract():
                await self._judge(action.text)
                await self._emit(action)
            case Show():
                await self._judge(as_text(action.view))
                await self._emit(action)
            case _:
                assert_never(action)

    def note(self) -> None:
        """Put the strictest ruling on this answer into the trace: before the reply ends, so that it is kept."""
        if self._worst is not None:
            note(self._turn, self._worst, "answer")
            self._worst = None

    async def _feed(self, text: str) -> None:
        if self._guard is None:
            self._guard = Guard(self._hold)
        guard = self._guard
        guard.feed(text)
        length = guard.due()
        if length is None:
            return
        await self._judge(guard.text[:length])
        await self._show(guard.allow(length))

    async def _show(self, text: str) -> None:
        reply = self._turn.reply
        if not text:
            return
        if self._stale:
            self._stale = False
            await self._emit(Replace(reply=reply, text=text))
        elif self._shown:
            await self._emit(Append(reply=reply, text=text))
        else:
            self._shown = True
            await self._emit(Begin(reply=reply, text=text))

    async def _finish(self, action: Finish) -> None:
        guard = self._guard
        if guard is None or guard.text != action.text or guard.judged < len(action.text):
            await self._judge(action.text)
        self.note()
        await self._emit(action)

    async def _judge(self, text: str) -> None:
        """Have ``text`` judged as the answer so far. Does not return if it is blocked."""
        if not text:
            return
        turn = self._turn
        passage = Passage(
            text=text,
            direction="answer",
            place=turn.place,
            author=turn.author,
            question=turn.question,
        )
        ruling = self._court.rule_now(passage) or await self._court.rule(passage)
        if self.over:  # blocked through another task meanwhile
            raise _Stop
        if self._worst is None or ruling.decision >= self._worst.decision:
            self._worst = ruling
        if ruling.decision is Decision.BLOCK:
            await self._block(ruling)

    async def _block(self, ruling: Ruling) -> None:
        self.over = True
        if self._guard is not None:
            self._guard.block()
        self.note()
        text = self._refuse(_reason(ruling))
        reply = self._turn.reply
        try:
            if self._shown:
                await self._emit(Retract(reply=reply, text=text))
            else:
                await self._emit(Finish(reply=reply, text=text, ending="content_filter"))
        except Exception as error:
            self.failure = error
            raise
        self.refused = True
        raise _Stop
