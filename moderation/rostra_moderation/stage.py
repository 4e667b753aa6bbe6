"""The stage that acts on verdicts: on what people say on the way in, on what the bot says on the way out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from rostra.actions import Emit, Finish, Retract
from rostra.chat import Utterance
from rostra.events import Message
from rostra.refusals import Refusals
from rostra.turns import Handler, Turn
from rostra.verdicts import Passage

from .answers import Answer
from .court import Court, Words, note
from .guard import STRICTNESS, Hold
from .masking import mask
from .normalise import clean
from .policy import Ruling
from .sheets import Sheet


def stage(inner: Handler, *, court: Court, refusals: Refusals, language: str) -> Handler:
    """Return a handler that has the question judged before ``inner`` sees it, and holds back what ``inner`` emits.

    A question that is blocked is answered with one `Finish`, or a `Retract` of nothing where the policy has the bot
    say nothing, and ``inner`` is not called. When an answer is blocked, what was shown is retracted, or a `Finish`
    stands for all of it, and ``inner`` ends by what looks to it like a cancellation, wherever it is. Every character
    that leaves was covered by a verdict. What ``inner`` gets of the question and of the history has nothing invisible
    in it, and is blotted out where the policy says so.
    """

    async def handle(turn: Turn, emit: Emit) -> None:
        words = Words(turn=turn, refusals=refusals, language=language)
        if await _sent_out(turn, emit, court, words):
            return
        sheet = court.sheet(turn.place, turn.author)
        if _unreadable(turn) and sheet.unjudgeable == "block":
            turn.trace.note("moderation", "block", direction="question", rule="an attachment is not text")
            await emit(Finish(reply=turn.reply, text=words.of("unjudgeable"), ending="content_filter"))
            return
        text, ruling = await _judged(turn, court)
        if ruling.blocks and ruling.action != "mask":
            await emit(words.instead(ruling))
            return
        history = _fit(turn, court)
        summary = court.fit(clean(turn.summary), turn.place) if turn.summary else ""
        answered = turn
        if (text, history, summary) != (turn.question, turn.history, turn.summary):
            answered = replace(turn, question=text, history=history, summary=summary)
        answer = Answer(answered, emit, court, words, _hold(turn, sheet, ruling))
        if ruling.action == "warn":
            answer.warn(ruling)
        await _answered(inner, answered, answer)

    return handle


async def _answered(inner: Handler, turn: Turn, answer: Answer) -> None:
    """Run ``inner`` until it ends, or ``answer`` is over."""
    broken = True
    try:
        async with answer.scope:
            await inner(turn, answer.take)
            await answer.drained()
        broken = False
    except (asyncio.CancelledError, TimeoutError) as error:
        if not answer.over or _cancelled():
            raise
        if isinstance(error, TimeoutError) and not answer.scope.expired():
            _stumbled(error, answer)
    except Exception as error:
        if not answer.over:
            raise
        _stumbled(error, answer)
    finally:
        await answer.close(broken=broken)
    if answer.failure is not None:
        raise answer.failure


def _stumbled(error: Exception, answer: Answer) -> None:
    # The reply has ended; what its handler stumbles over afterwards changes nothing for anybody.
    if error is not answer.failure:
        structlog.get_logger(__name__).warning("handler failed after a block", error=type(error).__name__)


def _cancelled() -> bool:
    """Say whether somebody wants this task to end, and it is not just the end of an answer that passes through."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _sent_out(turn: Turn, emit: Emit, court: Court, words: Words) -> bool:
    """Say whether the author may not ask at present; tell them so, once."""
    standing = await court.standing(turn.author, turn.place)
    if not standing.out:
        return False
    seconds = max(1, round(standing.seconds))
    turn.trace.note("moderation", "timeout", direction="question", seconds=seconds)
    if standing.told:
        await emit(Retract(reply=turn.reply))
    else:
        text = words.of("timeout", seconds=seconds)
        await emit(Finish(reply=turn.reply, text=text, ending="content_filter"))
    return True


async def _judged(turn: Turn, court: Court) -> tuple[str, Ruling]:
    """Return the question as the model may see it, and the ruling on it."""
    asked = turn.question
    level = court.level(turn.author, turn.place)
    text = clean(asked)
    passage, ruling = await _rule(turn, court, asked)
    if text != asked and (not ruling.blocks or ruling.action == "mask"):
        # What was said between the lines is refused with the rest of it; what is left has to be fit by itself.
        cleaned, again = await _rule(turn, court, text)
        if again.decision >= ruling.decision or ruling.action == "mask":
            passage, ruling = cleaned, again
    if ruling.blocks and ruling.action == "mask":
        text = mask(passage.text, ruling.masked)
        _, left = await _rule(turn, court, text)
        if left.blocks:
            ruling = replace(left, action="refuse") if left.action == "mask" else left
    note(turn, ruling, "question", language=court.language(asked, turn.place), level=level)
    await court.record(turn, passage, ruling)
    return text, ruling


async def _rule(turn: Turn, court: Court, text: str) -> tuple[Passage, Ruling]:
    passage = Passage(text=text, direction="question", place=turn.place, author=turn.author)
    return passage, court.rule_now(passage) or await court.rule(passage)


def _fit(turn: Turn, court: Court) -> tuple[Utterance, ...]:
    """Return the history as the model may see it: people's words are kept as they were sent."""
    fit: list[Utterance] = []
    for said in turn.history:
        text = clean(said.text)
        if said.role == "user":
            text = court.fit(text, turn.place)
        fit.append(said if text == said.text else replace(said, text=text))
    return tuple(fit)


def _unreadable(turn: Turn) -> bool:
    event = turn.event
    return isinstance(event, Message) and any(each.text is None for each in event.attachments)


def _hold(turn: Turn, sheet: Sheet, ruling: Ruling) -> Hold:
    """Return how the answer is held: as the policy says, or the question's own ruling where that is stricter.

    Where nothing can be taken back, or shown early, the whole answer is awaited.
    """
    can = turn.capabilities
    if not (can.retracts and can.streams):
        return "full"
    asked = ruling.hold
    stricter = asked is not None and STRICTNESS.index(asked) > STRICTNESS.index(sheet.hold)
    return asked if asked is not None and stricter else sheet.hold
