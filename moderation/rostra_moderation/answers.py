"""One answer on its way out: judged while it comes, shown as far as it was judged, taken back if it must be.

Text is judged in two lanes. The rules lane asks those who answer at once, about every bit of text and before any of it
is shown, through windows that overlap (`rostra_moderation.overlap`). The other lane asks everybody else about the answer
so far, whenever a unit of the hold has ended, while more text keeps coming; nothing waits for it but what is to be shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import assert_never

from rostra.actions import Action, Append, Begin, Emit, Finish, Replace, Retract, Show, Typing
from rostra.turns import Turn
from rostra.verdicts import Decision, Passage, Verdict
from rostra.views import as_text

from .combine import AT_ONCE
from .court import Court, Words, note
from .guard import Guard, Hold
from .heard import Heard
from .masking import Blots
from .overlap import Overlap
from .policy import Ruling

FRESH = 32
"""Characters that may gather before those who answer at once are asked, where nothing would be shown yet anyway."""

LATER = 64
"""Characters after a find that may still change what it means, where the unit that it lies in is not complete."""

EVERY = 100
"""Characters shown without hold after which those who take their time are asked again: some 25 tokens."""


class Stop(asyncio.CancelledError):
    """Ends a handler whose answer was blocked, the way a cancelled task ends: its clean-up runs, its catches do not."""


class Answer:
    """Stands between a handler and what people see."""

    def __init__(self, turn: Turn, emit: Emit, court: Court, words: Words, hold: Hold) -> None:
        self.scope = asyncio.timeout(None)
        """What the handler is to run in: it is left when the answer is over, wherever the handler is."""
        self.over = False
        """Blocked: nothing that is emitted from here on matters."""
        self.failure: Exception | None = None
        """Why people could not be shown what they should have been."""
        self._turn = turn
        self._emit = emit
        self._court = court
        self._words = words
        self._hold: Hold = hold
        self._eager = hold == "none" and court.hears  # shown once those who answer at once have judged it
        self._shown = False
        self._stale = False  # what is shown is not what it should read as any more
        self._worst: tuple[Passage, Ruling] | None = None
        self._noted: Ruling | None = None
        self._warnings: dict[str, None] = {}
        self._pump: asyncio.Task[None] | None = None
        self._emitting = asyncio.Lock()
        self._owner = asyncio.current_task()
        self._restart()

    def _restart(self) -> None:
        """Begin a new text."""
        self._guard = Guard(self._hold)
        self._overlap = Overlap()
        self._heard = Heard()
        self._blots = Blots()
        self._sure = 0  # characters in which those who answer at once have found nothing to be blocked
        self._judged = 0  # characters that everybody has judged
        self._out = 0  # characters that were passed on
        self._doubt = False  # whether a judge has to be asked although nobody else has to be waited for

    @property
    def _waits(self) -> bool:
        return self._court.waits or self._doubt or not self._court.hears

    def warn(self, ruling: Ruling) -> None:
        """Have the answer end with the warning that ``ruling`` asks for."""
        self._warnings[self._words.warning(ruling)] = None

    async def take(self, action: Action) -> None:
        """Be the `Emit` of the handler inside."""
        if self.over:
            if isinstance(action, Typing):
                return
            raise Stop
        match action:
            case Typing():
                await self._emit(action)
            case Begin() | Append():
                await self._feed(action.text)
            case Replace():
                await self.drained()
                self._restart()
                self._stale = self._shown
                await self._feed(action.text)
            case Finish():
                await self._finish(action)
            case Retract():
                text = await self._whole(action.text, masks=True)
                await self._emit(replace(action, text=text))
            case Show():
                await self._whole(as_text(action.view), masks=False)
                await self._emit(action)
            case _:
                assert_never(action)

    async def drained(self) -> None:
        """Return once nothing that was handed on is being judged any more. Does not return if it is blocked."""
        if self._pump is not None and self._pump is not asyncio.current_task():
            await asyncio.wait([self._pump])
        if self.over:
            raise Stop

    async def close(self, *, broken: bool) -> None:
        """See to what is left when the handler has ended. ``broken``: it did not get to its end."""
        pump = self._pump
        if pump is not None:
            try:
                if broken and not self.over:
                    pump.cancel()
                await asyncio.wait([pump])
            finally:
                pump.cancel()  # where this was cancelled too
        if self._eager and not self.over and self._guard.released > self._judged:
            # Broken off: what people have seen stays, so it has to be fit to.
            with suppress(Stop):
                await self._rule(self._guard.released)
        self.note()
        if self._worst is not None:
            await self._court.record(self._turn, *self._worst)

    def note(self) -> None:
        """Put the strictest ruling on this answer into the trace: before the reply ends, so that it is kept."""
        if self._worst is None or self._worst[1] is self._noted:
            return
        passage, self._noted = self._worst
        language = self._court.language(passage.text, passage.place)
        note(self._turn, self._noted, "answer", language=language)

    async def _feed(self, text: str) -> None:
        guard = self._guard
        guard.feed(text)
        length = guard.due()
        if length is not None or len(guard.text) - self._overlap.seen >= FRESH:
            self._sure = await self._hear(0 if self._eager else length or 0)
        if length is not None and (self._eager or not self._waits):
            guard.allow(min(length, self._sure))
            await self._show()
        if self._waits and self._next() is not None:
            if self._pump is None or self._pump.done():
                self._pump = asyncio.get_running_loop().create_task(self._judge_on())
            await asyncio.sleep(0)  # however fast text comes, it is judged meanwhile
            if self.over:
                raise Stop

    async def _hear(self, complete: int, *, last: bool = False) -> int:
        """Have what is new judged by those who answer at once; all of it, once, if it is the ``last`` time.

        Return how much of the text has nothing in it that is to be blocked. Does not return if something is, and stands
        within the first ``complete`` characters, or far enough from the end for more text not to change its meaning.
        """
        text = self._guard.text
        start = self._overlap.start(text)
        if last and self._overlap.cut:
            start = 0
        if not self._court.hears or not text:
            return len(text)
        if len(text) - start > AT_ONCE:
            await self._rule(len(text), heard=False)
            return len(text)
        passage, verdicts, ruling = self._heard_from(start)
        if start and _refused(ruling):
            start = max(0, len(text) - AT_ONCE)  # what allows it may lie before the window
            passage, verdicts, ruling = self._heard_from(start)
        settled = len(text) if last else max(complete, len(text) - LATER)
        if _refused(ruling) and (open_from := _open_from(ruling, start, settled)) is not None:
            return open_from
        self._heard.add(verdicts, start)
        if ruling.decision is Decision.FLAG and ruling.judge and ruling.action != "warn":
            self._doubt = True
        # Where everybody else is asked as well, their ruling takes in what was heard.
        await self._follow(ruling, passage, start, final=not self._waits)
        return len(text)

    def _heard_from(self, start: int) -> tuple[Passage, Sequence[Verdict], Ruling]:
        passage = self._passage(self._guard.text[start:])
        verdicts = self._court.hear(passage)
        return passage, verdicts, self._court.weigh(verdicts, passage)

    def _next(self) -> int | None:
        """Return the length of what everybody should judge next, None if there is nothing yet."""
        if not self._eager:
            return self._guard.due()
        released = self._guard.released
        return released if released - self._judged >= EVERY else None

    async def _judge_on(self) -> None:
        """Judge while there is something to judge: the other lane."""
        try:
            while not self.over and (length := self._next()) is not None:
                await self._rule(length)
                if not self._eager:
                    self._guard.allow(length)
                    await self._show()
        except Stop:
            pass
        except Exception as error:  # noqa: BLE001  nobody waits here: whoever runs the handler gets it
            self.over = True
            self.failure = error
            self._interrupt()

    async def _rule(self, length: int, *, heard: bool = True) -> None:
        """Have the first ``length`` characters judged by everybody. Does not return if they are blocked."""
        passage = self._passage(self._guard.text[:length])
        ruling = await self._court.rule(passage, self._heard.verdicts if heard else ())
        if self.over:  # blocked by somebody else meanwhile
            raise Stop
        await self._follow(ruling, passage)
        self._judged = max(self._judged, length)

    async def _follow(self, ruling: Ruling, passage: Passage, offset: int = 0, *, final: bool = True) -> None:
        """Do what ``ruling`` on the text from ``offset`` on asks for. Does not return if it is blocked."""
        worst = self._worst
        if (final or ruling.blocks) and (worst is None or ruling.decision >= worst[1].decision):
            self._worst = (passage, ruling)
        if ruling.decision is Decision.FLAG and final:
            if ruling.action == "warn":
                self.warn(ruling)
            if ruling.hold is not None and self._hold != "full":
                self._guard.tighten(ruling.hold)
                self._eager = self._eager and self._guard.hold == "none"
        elif ruling.blocks and ruling.action == "mask":
            begin = self._blots.add(ruling.masked, offset)
            if begin is not None and begin < self._out:
                self._stale, self._out = self._shown, 0
                await self._show()
        elif ruling.blocks:
            await self._block(ruling)

    async def _show(self) -> None:
        """Pass on what the guard lets out."""
        async with self._emitting:
            if self.over:
                raise Stop
            start, end = self._out, self._guard.released
            text = self._blots.shown(self._guard.text, start, end)
            self._out = end
            reply = self._turn.reply
            if self._stale and end > start:
                self._stale = False
                await self._emit(Replace(reply=reply, text=text))
            elif not text:
                return
            elif self._shown:
                await self._emit(Append(reply=reply, text=text))
            else:
                self._shown = True
                await self._emit(Begin(reply=reply, text=text))

    async def _finish(self, action: Finish) -> None:
        if action.buttons:  # what stands on them is shown as well
            await self._whole("\n".join(button.label for button in action.buttons), masks=False)
        guard = self._guard
        if guard.text != action.text:
            await self.drained()
            self._restart()
            guard = self._guard
            guard.feed(action.text)
        guard.close()
        if self._sure < len(guard.text) or self._overlap.cut:
            self._sure = await self._hear(len(guard.text), last=True)
        await self.drained()
        if self._waits and self._judged < len(guard.text):
            await self._rule(len(guard.text))
        self.note()
        text = self._blots.shown(guard.text, 0, len(guard.text))
        text = "\n\n".join((text, *self._warnings))
        await self._emit(action if text == action.text else replace(action, text=text))

    async def _whole(self, text: str, *, masks: bool) -> str:
        """Judge a text that is shown all at once. Return it as it may be shown."""
        await self.drained()
        self._restart()
        if not text:
            return text
        self._guard.feed(text)
        await self._rule(len(text), heard=False)
        if self._blots and not masks:
            assert self._worst is not None  # noqa: S101  somebody asked for the mask
            await self._block(replace(self._worst[1], action="refuse"))
        return self._blots.shown(text, 0, len(text))

    async def _block(self, ruling: Ruling) -> None:
        """End the answer: first whoever makes it, then what people see of it. Does not return."""
        self.over = True
        self._guard.block()
        if asyncio.current_task() is not self._owner:
            self._interrupt()
        async with self._emitting:
            self.note()
            reply = self._turn.reply
            text = self._words.refusal(ruling)
            try:
                if self._shown:
                    await self._emit(Retract(reply=reply, text=text))
                else:
                    await self._emit(self._words.instead(ruling))
            except Exception as error:
                self.failure = error
                raise
        raise Stop

    def _interrupt(self) -> None:
        """Have the handler cancelled where it is."""
        if not self.scope.expired() and self._owner is not None and not self._owner.done():
            self.scope.reschedule(asyncio.get_running_loop().time())

    def _passage(self, text: str) -> Passage:
        turn = self._turn
        return Passage(
            text=text,
            direction="answer",
            place=turn.place,
            author=turn.author,
            question=turn.question,
        )


def _refused(ruling: Ruling) -> bool:
    """Say whether ``ruling`` ends the answer."""
    return ruling.blocks and ruling.action != "mask"


def _open_from(ruling: Ruling, offset: int, settled: int) -> int | None:
    """Return where in the text a find begins whose meaning is still open; None if ``ruling`` holds without it.

    The ruling is on the text from ``offset`` on; finds up to ``settled`` mean what they mean.
    """
    found = [span for span in ruling.verdict.spans if span.category == ruling.category]
    if not found or any(span.end + offset <= settled for span in found):
        return None
    return min(span.start for span in found) + offset
