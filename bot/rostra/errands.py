"""Commands run for somebody who is at a page of the bot's own: the same code, permissions and log as in a chat.

No event of a platform asks for them and no reply is delivered; what a command shows is returned to whoever ran it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from uuid_utils import uuid7

from .actions import Address, Capabilities
from .clock import Clock
from .command import Call, Command, Commands, Desk, read
from .events import Invocation
from .places import Person, Place
from .turns import Trace, Turn
from .views import Text, View, text

PATIENCE = 60.0
"""Seconds that a command may take."""
WHOLE = Capabilities(files=True)


class NotAllowed(Exception):
    """Whoever asked may not use the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errands:
    """Runs commands of a bot."""

    commands: Commands
    desk: Desk
    clock: Clock

    def knows(self, path: str) -> bool:
        """Return whether there is such a command."""
        return self._found(path) is not None

    async def run(
        self, path: str, options: Mapping[str, str], *, person: Person, place: Place, confirmed: bool = False
    ) -> View:
        """Do what ``/path`` does with these options in ``place``, and return what it shows.

        ``confirmed``: whoever asked has been told what is dangerous about it. Raises `NotAllowed`, `TimeoutError`, and
        `ValueError` where there is no such command, an option is missing, or one is free text, which nobody would judge.
        """
        found = self._found(path)
        if found is None:
            raise ValueError(f"there is no command {path!r}")
        level = self.desk.permission(person, place)
        if level < found.permission:
            raise NotAllowed
        if any(option.free and option.name in options for option in found.options):
            raise ValueError(f"{path!r} takes free text, which is judged only in a chat")
        event = Invocation(
            id=uuid7().hex,
            place=place,
            author=person,
            path=found.path,
            options=options,
            sent_at=self.clock.now(),
        )
        turn = Turn(
            event=event,
            author=person,
            permission=level,
            reply=uuid7().hex,
            question="",
            answerer=next(iter(self.desk.answerers().values())),
            capabilities=WHOLE,
            trace=Trace(),
        )
        call = Call(turn=turn, options=read(found, options, ()), desk=self.desk, address=Address.of(event))
        async with self.clock.timeout(PATIENCE):
            if not confirmed and await _danger(found, call):
                raise ValueError(f"{path!r} is dangerous, and nobody has confirmed it")
            shown = await found.run(call)
        return text(shown) if isinstance(shown, str) else shown

    def _found(self, path: str) -> Command | None:
        return next((one for one in self.commands if one.name == path), None)


def said(view: View) -> str:
    """Return the words of what a command has shown."""
    return "\n\n".join(part.text for part in view.parts if isinstance(part, Text))


async def _danger(command: Command, call: Call) -> str:
    return command.dangerous if isinstance(command.dangerous, str) else await command.dangerous(call)
