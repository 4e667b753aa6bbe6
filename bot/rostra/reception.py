"""Where events arrive: stored first, then queued in the lane of their place, answered, and seen out.

Control events (``/stop``, a deleted question, a button) do not wait in the lane of the place they control.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeAlias

import structlog

from .actions import Address, Ending, Finish, Retract
from .clock import Clock
from .command import Commands
from .delivery.delivery import Delivery
from .delivery.outgoing import Outgoing
from .delivery.recover import again
from .delivery.reply import Reply, State
from .errors import ModelError, StoreError
from .events import Deleted, Edited, Event, Invocation, Message, Press, Reaction, Submit
from .lanes import Lanes, Release
from .places import Place
from .protocols import Accepted, Duplicate
from .refusals import Refusals
from .stages.dispatch import line_of
from .stores import Entry, Store
from .turns import Handler, Trace, Turn

log = structlog.get_logger(__name__)

WATCH_EVERY = 1.0
"""Seconds between two looks at turns that take too long."""

MakeTurn: TypeAlias = Callable[[Entry, Trace], Awaitable[Turn]]


class Cut(Enum):
    """Why a turn was ended before its time."""

    STOPPED = auto()
    DELETED = auto()
    OVERDUE = auto()
    SHUTDOWN = auto()


@dataclass(slots=True)
class Case:
    """One accepted event under way. ``task`` is there while its turn runs, since ``started``; ``over`` once it can no longer be cut."""

    entry: Entry
    cut: Cut | None = None
    over: bool = False
    started: float = 0.0
    task: asyncio.Task[None] | None = None
    trace: Trace = field(default_factory=Trace)


@dataclass(kw_only=True)
class Reception:
    """Takes events in and sees each through to its reply."""

    store: Store
    delivery: Delivery
    handler: Handler
    make_turn: MakeTurn
    lanes: Lanes
    commands: Commands
    refusals: Refusals
    clock: Clock
    turn_seconds: float
    _cases: dict[str, Case] = field(init=False, default_factory=dict[str, Case])
    _urgent: set[asyncio.Task[None]] = field(init=False, default_factory=set[asyncio.Task[None]])
    _open: bool = field(init=False, default=True)

    async def accept(self, event: Event) -> Accepted | Duplicate:
        """Store ``event``, then see to it. This is what adapters are given; see `rostra.protocols.Accept`."""
        taken = await self.store.accept(event)
        if isinstance(taken, Accepted) and self._open:
            reply = Reply(id=taken.reply, address=Address.of(event))
            self._admit(Entry(event=event, reply=reply, received_at=self.clock.now()))
        return taken

    async def recover(self, older_than: float = 0.0) -> int:
        """Take up what was accepted ``older_than`` seconds ago and is neither done nor under way. Return how much."""
        before = self.clock.now() - timedelta(seconds=older_than)
        taken = [entry for entry in await self.store.unfinished() if self._left(entry, before)]
        for entry in taken:
            can = self.delivery.capabilities(entry.event.place.adapter)
            self._enqueue(Case(replace(entry, reply=again(entry.reply, can))), forced=True)
        return len(taken)

    def stop(self, place: Place) -> int:
        """End every question under way in ``place``. Return how many there were."""
        asked = [
            case for case in self._cases.values() if _is_question(case) and case.entry.event.place == place
        ]
        return sum(self._cut(case, Cut.STOPPED) for case in asked)

    async def watch(self) -> None:
        """Cut every turn that takes longer than ``turn_seconds``, until cancelled.

        Stages have deadlines of their own; this one catches what hangs anywhere. One watch over all turns costs each
        of them nothing; a timer for each showed in the profile.
        """
        while True:
            await self.clock.sleep(WATCH_EVERY)
            before = self.clock.monotonic() - self.turn_seconds
            for case in list(self._cases.values()):
                if case.task is not None and case.started < before and self._cut(case, Cut.OVERDUE):
                    log.warning("turn overdue", reply=case.entry.reply.id, seconds=self.turn_seconds)

    async def drain(self) -> None:
        """Return once everything accepted so far has been seen to."""
        await self.lanes.drain()
        while self._urgent:
            await asyncio.wait(self._urgent)

    async def close(self, grace: float) -> int:
        """Start nothing new, give what is under way ``grace`` seconds, hand back the rest.

        What is handed back stays accepted in the store: the next start answers it. Return how much that is.
        """
        self._open = False
        waiting = self.lanes.waiting
        try:
            async with self.clock.timeout(grace):
                await self.lanes.close()
        except TimeoutError:
            log.info("handing back", turns=self.lanes.busy, waiting=waiting)
        handed = self.lanes.busy + waiting
        for case in list(self._cases.values()):
            case.cut = case.cut or Cut.SHUTDOWN
        await self.lanes.cancel()
        for task in self._urgent:
            task.cancel()
        await asyncio.gather(*self._urgent, return_exceptions=True)
        return handed

    def _left(self, entry: Entry, before: datetime) -> bool:
        known = entry.event.place.adapter in self.delivery.adapters
        return known and entry.received_at <= before and entry.reply.id not in self._cases

    def _admit(self, entry: Entry) -> None:
        match entry.event:
            case Deleted(target=target, place=place):
                self._delete(place, target)
                self._at_once(Case(entry))
            case Press() | Submit() | Reaction() | Edited():
                self._at_once(Case(entry))
            case Message() | Invocation():
                if self._is_control(entry.event):
                    self._at_once(Case(entry))
                else:
                    self._enqueue(Case(entry))

    def _is_control(self, event: Message | Invocation) -> bool:
        line = line_of(event)
        found = self.commands.match(line.words) if line is not None else None
        return found is not None and found[0].control

    def _delete(self, place: Place, target: str) -> None:
        for case in list(self._cases.values()):
            if case.entry.event.id == target and case.entry.event.place.adapter == place.adapter:
                self._cut(case, Cut.DELETED)

    def _cut(self, case: Case, cut: Cut) -> bool:
        if case.cut is not None or case.over:
            return False
        case.cut = cut
        if case.task is not None:
            case.task.cancel()
        return True

    def _enqueue(self, case: Case, *, forced: bool = False) -> None:
        self._cases[case.entry.reply.id] = case

        async def job(release: Release) -> None:
            await self._see_to(case, release)

        if not self.lanes.put(case.entry.event.place.key, job, forced=forced):
            self._at_once(case, busy=True)

    def _at_once(self, case: Case, *, busy: bool = False) -> None:
        self._cases[case.entry.reply.id] = case
        work = self._refuse_busy(case) if busy else self._see_to(case, lambda: None)
        task = asyncio.get_running_loop().create_task(work)
        self._urgent.add(task)
        task.add_done_callback(self._urgent.discard)

    async def _refuse_busy(self, case: Case) -> None:
        out = self._outgoing(case)
        case.over = True
        try:
            case.trace.note("lanes", "busy")
            await self._end(case, out, "busy", "content_filter")
            await out.settle()
        finally:
            self._cases.pop(case.entry.reply.id, None)

    async def _see_to(self, case: Case, release: Release) -> None:
        """Answer one event and show the reply. Never raises: a lane must go on whatever happens in it."""
        out = self._outgoing(case)
        try:
            if out.reply.state is not State.CLOSING:
                await self._answer(case, out)
            release()
            await out.settle()
        except asyncio.CancelledError:
            if case.cut is not Cut.SHUTDOWN:
                raise
        except Exception as error:  # a bug: its reply stays accepted in the store, and the lane goes on
            log.exception("reply left behind", reply=case.entry.reply.id, error=type(error).__name__)
        finally:
            self._cases.pop(case.entry.reply.id, None)

    def _outgoing(self, case: Case) -> Outgoing:
        entry, trace = case.entry, case.trace
        out = self.delivery.open(entry.reply)

        def explain() -> None:
            # A command that nothing was decided about explains nothing, and would hide the answer before it.
            if trace.verdicts or any(step.stage != "dispatch" for step in trace.steps):
                self.store.explain(entry.event, entry.reply.id, trace.steps, trace.verdicts)

        out.before_closing = explain
        return out

    async def _answer(self, case: Case, out: Outgoing) -> None:
        case.task, case.started = asyncio.current_task(), self.clock.monotonic()
        try:
            if case.cut is None:
                turn = await self.make_turn(case.entry, case.trace)
                await self.handler(turn, out.emit)
        except asyncio.CancelledError:
            if case.cut in {None, Cut.SHUTDOWN} or case.task is None:
                raise
            case.task.uncancel()
        except TimeoutError:
            await self._end(case, out, "deadline", "error")
        except ModelError as error:
            log.warning("model failed", reply=out.reply.id, error=str(error))
            await self._end(case, out, "model", "error")
        except StoreError as error:
            self.delivery.outage.begins(error)
            await self._end(case, out, "error", "error")
        except Exception as error:  # stages and commands are foreign code; their place's lane must go on
            log.exception("turn broke", reply=out.reply.id, error=type(error).__name__)
            await self._end(case, out, "error", "error")
        finally:
            case.task, case.over = None, True
        await self._end_cut(case, out)

    async def _end_cut(self, case: Case, out: Outgoing) -> None:
        """End a reply whose turn was cut short, or, in spite of its contract, ended without ending it."""
        if case.cut is Cut.STOPPED:
            await self._end(case, out, "stopped", "stopped")
        elif case.cut is Cut.OVERDUE:
            await self._end(case, out, "deadline", "error")
        elif case.cut is Cut.DELETED and not out.closing:
            case.trace.note("reception", "question deleted")
            await out.emit(Retract(reply=out.reply.id))
        elif out.reply.state in {State.OPENING, State.OPEN} and case.cut is None:
            log.error("reply left open", reply=out.reply.id)
            await self._end(case, out, "error", "error")

    async def _end(self, case: Case, out: Outgoing, reason: str, ending: Ending) -> None:
        if out.closing:
            return
        case.trace.note("reception", reason)
        text = self.refusals.render(reason, place=out.reply.address.place, trace=out.reply.id)
        await out.end(text, Finish(reply=out.reply.id, text="", ending=ending))


def _is_question(case: Case) -> bool:
    event = case.entry.event
    return isinstance(event, Message) and line_of(event) is None
