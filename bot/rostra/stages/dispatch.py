"""Take commands out of the stream of questions and run them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..actions import Action, Address, Emit, Finish, Show
from ..clock import Clock
from ..command import Call, Command, Commands, Desk, read, written
from ..controls import Control, Controls
from ..denied import denied
from ..events import Event, Invocation, Message, Press, Reaction, Submit
from ..feedback.emoji import thumb_of
from ..protocols import Moderation
from ..refusals import Refusals
from ..turns import Handler, Turn
from ..verdicts import Decision, Passage
from ..views import Ballot, Button, Choices, Form, View, text
from .confirm import NOTHING, Confirmations

NO_CONTROL = "This control is no longer valid."
NOTHING_SAID = View(parts=())
"""What whoever reacts to an answer is told: no word."""

PATIENCE = 60.0
"""Seconds that a command may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was written as a command: its words, or its path and options where the platform has told them apart."""

    words: Sequence[str]
    options: Mapping[str, str]


def line_of(event: object) -> Line | None:
    """Return the command that an event asks for itself, or None if it asks for none."""
    match event:
        case Invocation(path=path, options=options):
            # What follows the name comes as "text", which may also be what an option is called: it is words, once.
            named = {name: value for name, value in options.items() if name != "text"}
            return Line(words=[*path, *options.get("text", "").split()], options=named)
        case Message(text=said) if said.startswith("/") and said[1:2].isalpha():
            return Line(words=said[1:].split(), options={})
        case Reaction(emoji=emoji, target=message, added=added) if thumb := thumb_of(emoji):
            value = thumb if added else "none"
            return Line(words=["rank", "thumb"], options={"value": value, "message": message})
        case _:
            return None


def pressed(control: Control | None, event: Press | Submit) -> Line | None:
    """Return the line that a control stands for, with what was picked or filled in; None where that does not fit it."""
    if control is None or not control.control.startswith("/"):
        return None
    words = control.control[1:].split()
    match control, event:
        case Choices(), Press(values=values):
            offered = {choice.value for choice in control.choices}
            fits = offered.issuperset(values) and control.least <= len(set(values)) <= control.most
            return Line(words=[*words, *values], options={}) if fits else None
        case Ballot(), Press(values=values):
            return Line(words=[*words, *values], options={})
        case Form(), Submit(fields=filled):
            fits = {field.name for field in control.fields}.issuperset(filled)
            return Line(words=words, options=filled) if fits else None
        case Ballot(), Submit(fields=filled):
            return Line(words=words, options=filled)
        case Button() | Form(), Press():
            return Line(words=words, options={})
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Runs commands. Free text in their options is moderated like a question; dangerous ones wait for a yes."""

    commands: Commands
    desk: Desk
    controls: Controls
    confirmations: Confirmations
    moderation: Moderation
    clock: Clock
    refusals: Refusals

    def stage(self, inner: Handler) -> Handler:
        """Run commands and what controls stand for; pass messages on; leave the rest to those who listen for it."""

        async def handle(turn: Turn, emit: Emit) -> None:
            event = turn.event
            line = await self._line(event)
            if line is not None:
                await emit(_shown(turn, await self._run(turn, line)))
            elif isinstance(event, Press | Submit):
                turn.trace.note("dispatch", "no such control")
                await emit(_shown(turn, text(NO_CONTROL, private=True)))
            elif isinstance(event, Message):
                await inner(turn, emit)

        return handle

    async def confirm(self, call: Call, request: str) -> View | str:
        """Do what ``request`` waits for, as whoever confirms it: they are asked for their permission like any other."""
        entry = await self.confirmations.take(call.turn, request)
        line = None if entry is None else await self._line(entry.event)
        if line is None:
            return text(NOTHING, private=True)
        return _in_place(call.turn, await self._run(call.turn, line, confirmed=True))

    async def cancel(self, call: Call, request: str) -> View | str:
        """Drop what ``request`` waits for."""
        entry = await self.confirmations.take(call.turn, request)
        return _in_place(call.turn, text(NOTHING if entry is None else "Cancelled.", private=True))

    async def _line(self, event: Event) -> Line | None:
        """Return the command that ``event`` asks for, itself or by a control that was shown."""
        if not isinstance(event, Press | Submit):
            return line_of(event)
        id_ = event.control if isinstance(event, Press) else event.form
        return pressed(await self.controls.find(event.place, id_, by=event.author), event)

    async def _run(self, turn: Turn, line: Line, *, confirmed: bool = False) -> View | str:
        found = self.commands.match(line.words)
        if found is None:
            return (
                NOTHING_SAID
                if isinstance(turn.event, Reaction)
                else _unknown(line.words, self.commands, turn)
            )
        command, left = found
        turn.trace.note("dispatch", f"/{command.name}")
        if turn.permission < command.permission:
            roles = self.desk.roles(command.permission, turn.place)
            return denied(f"`/{command.name}`", command.permission, turn, roles)
        try:
            options = read(command, line.options, left)
        except ValueError as error:
            return text(f"This is how it is written: `{error}`", private=True)
        refusal = await self._refusal(turn, command, options)
        if refusal is not None:
            return refusal
        call = Call(turn=turn, options=options, desk=self.desk, address=Address.of(turn.event))
        async with self.clock.timeout(PATIENCE):
            danger = "" if confirmed else await _danger(command, call)
            if danger:
                turn.trace.note("dispatch", "asks for confirmation")
                return self.confirmations.ask(turn, written(command, options), danger)
            return await command.run(call)

    async def _refusal(self, turn: Turn, command: Command, options: Mapping[str, str]) -> str | None:
        for option in command.options:
            if not option.free or option.name not in options:
                continue
            passage = Passage(
                text=options[option.name], direction="question", place=turn.place, author=turn.author
            )
            verdict = await self.moderation.judge(passage)
            turn.trace.judged("question", verdict)
            if verdict.decision is Decision.BLOCK:
                reason = (verdict.worst or "blocked") if verdict.kind == "judged" else "broken"
                return self.refusals.render(reason, place=turn.place, trace=turn.reply)
        return None


async def _danger(command: Command, call: Call) -> str:
    return command.dangerous if isinstance(command.dangerous, str) else await command.dangerous(call)


def _in_place(turn: Turn, answer: View | str) -> View:
    """Return ``answer`` as what stands instead of the buttons that were pressed for it."""
    view = text(answer) if isinstance(answer, str) else answer
    return replace(view, in_place=isinstance(turn.event, Press))


def _shown(turn: Turn, answer: View | str) -> Action:
    if isinstance(answer, str):
        answer = text(answer)
    if not answer.parts:
        return Finish(reply=turn.reply, text="")
    return Show(reply=turn.reply, view=answer)


def _unknown(words: Sequence[str], commands: Commands, turn: Turn) -> View:
    """Return what somebody is told who wrote no command, or only how some that they may use begin."""
    words = commands.plain(words)
    word = words[0] if words else ""
    allowed = [one for one in commands if turn.permission >= one.permission]
    parts = [f"`/{one.name}`" for one in allowed if one.path[0] == word]
    if parts:
        return text(f"`/{word}` goes on: {', '.join(parts)}. `/help {word}` explains them.", private=True)
    close = difflib.get_close_matches(word, [one.path[0] for one in allowed], n=1)
    hint = f" Did you mean `/{close[0]}`?" if close else ""
    return text(f"There is no command `/{word}`.{hint} `/help` lists all of them.", private=True)
