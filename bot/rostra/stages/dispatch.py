"""Take commands out of the stream of questions and run them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..actions import Action, Address, Emit, Finish, Show
from ..clock import Clock
from ..command import Call, Command, Commands, Desk, read
from ..events import Invocation, Message, Press
from ..protocols import Moderation
from ..refusals import Refusals
from ..turns import Handler, Turn
from ..verdicts import Decision, Passage
from ..views import View, text

PATIENCE = 60.0
"""Seconds that a command may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was written as a command: its words, or its path and options where the platform has told them apart."""

    words: Sequence[str]
    options: Mapping[str, str]


def line_of(event: object) -> Line | None:
    """Return the command that an event asks for, or None if it asks for none."""
    match event:
        case Invocation(path=path, options=options):
            # What follows the name comes as "text", which may also be what an option is called: it is words, once.
            named = {name: value for name, value in options.items() if name != "text"}
            return Line(words=[*path, *options.get("text", "").split()], options=named)
        case Message(text=said) if said.startswith("/") and said[1:2].isalpha():
            return Line(words=said[1:].split(), options={})
        case Press(control=control) if control.startswith("/"):
            # Nothing that whoever presses might not have written: what they may do is asked again.
            return Line(words=control[1:].split(), options={})
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Runs commands. Free text in their options is moderated like a question."""

    commands: Commands
    desk: Desk
    moderation: Moderation
    clock: Clock
    refusals: Refusals

    def stage(self, inner: Handler) -> Handler:
        """Run commands; pass messages on; leave the rest to those who listen for it."""

        async def handle(turn: Turn, emit: Emit) -> None:
            line = line_of(turn.event)
            if line is not None:
                await emit(_shown(turn, await self._run(turn, line)))
            elif isinstance(turn.event, Message):
                await inner(turn, emit)

        return handle

    async def _run(self, turn: Turn, line: Line) -> View | str:
        found = self.commands.match(line.words)
        if found is None:
            return _unknown(line.words, self.commands)
        command, left = found
        turn.trace.note("dispatch", f"/{command.name}")
        if turn.permission < command.permission:
            return f"`/{command.name}` is for {command.permission.name.lower()}s; you are not one here."
        try:
            options = read(command, line.options, left)
        except ValueError as error:
            return f"This is how it is written: `{error}`"
        refusal = await self._refusal(turn, command, options)
        if refusal is not None:
            return refusal
        async with self.clock.timeout(PATIENCE):
            return await command.run(
                Call(turn=turn, options=options, desk=self.desk, address=Address.of(turn.event))
            )

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


def _shown(turn: Turn, answer: View | str) -> Action:
    if isinstance(answer, str):
        answer = text(answer)
    if not answer.parts:
        return Finish(reply=turn.reply, text="")
    return Show(reply=turn.reply, view=answer)


def _unknown(words: Sequence[str], commands: Commands) -> str:
    word = words[0] if words else ""
    parts = [f"`/{command.name}`" for command in commands if command.path[0] == word]
    if parts:
        return f"`/{word}` goes on: {', '.join(parts)}."
    close = difflib.get_close_matches(word, [command.path[0] for command in commands], n=1)
    hint = f" Did you mean `/{close[0]}`?" if close else ""
    return f"There is no command `/{word}`.{hint} `/help` lists all of them."
