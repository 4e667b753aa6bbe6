"""What a fake of a chat service offers the contract of adapters: what people say, see and do, and what breaks.

Only `Platform.users_say` and `Platform.users_see` are always asked of a fake. `People` and `Faults` may be None, and any
method of theirs that has no counterpart on a platform calls `absent`: the tests that need it are then skipped with that
reason. One object may serve as all three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

import pytest

from ..actions import Action, Finish, Show
from ..controls import Control, ids
from ..places import Person, Place
from ..protocols import Adapter
from .clock import ManualClock


def absent(reason: str) -> NoReturn:
    """Skip the test: nothing like that happens on this platform, because of ``reason``."""
    pytest.skip(reason)


@dataclass(slots=True)
class Shelf:
    """The views that were shown, as the dispatcher finds them: a `rostra.controls.Controls` for tests.

    A fake gives it to its adapter as ``Services.controls``; the kit puts in what it shows.
    """

    shown: dict[str, Control] = field(default_factory=dict[str, Control])

    def put(self, action: Action) -> None:
        """Remember the controls of what is shown."""
        if isinstance(action, Show | Finish):
            self.shown |= ids(action.reply, action.view if isinstance(action, Show) else action.buttons)

    async def find(self, place: Place, id: str, by: Person | None = None) -> Control | None:  # noqa: A002  its name
        del place, by  # the kit shows everything to everybody
        return self.shown.get(id)


class People(Protocol):
    """What people do besides writing. It may take a moment to arrive: nothing here waits for the bot."""

    @property
    def controls(self) -> Shelf:
        """What the adapter was given as ``Services.controls``."""
        ...

    @property
    def roles(self) -> frozenset[str]:
        """Return the roles, as the platform calls them, of the person who writes."""
        ...

    def press(self, label: str) -> None:
        """Press the button whose label is or begins with ``label``, in the newest message that has it."""
        ...

    def pick(self, *labels: str) -> None:
        """Pick these in the newest message that has a choice, and send it."""
        ...

    def fill(self, fields: Mapping[str, str]) -> None:
        """Fill in the form that is open, or the next one that opens, and send it. By the names of the fields."""
        ...

    def attach(self, text: str, name: str, media_type: str, data: bytes) -> None:
        """Write ``text`` to the bot with a file to it."""
        ...

    def edit(self, text: str) -> None:
        """Change what was written last into ``text``."""
        ...

    def delete(self) -> None:
        """Delete what was written last."""
        ...

    def react(self, emoji: str) -> None:
        """Put an emoji on the bot's newest message."""
        ...


class Faults(Protocol):
    """What goes wrong between a chat service and its client.

    ::

        faults.drop()                     # the connection breaks
        platform.users_say("meanwhile")
        await faults.reconnect()          # the client is back
    """

    @property
    def clock(self) -> ManualClock:
        """The clock that the adapter was given."""
        ...

    def repeat(self) -> None:
        """Deliver the last message again under its id, as a service does that missed the acknowledgement."""
        ...

    def drop(self) -> None:
        """Break the connection. What people say from now on arrives once the client is back."""
        ...

    async def reconnect(self) -> None:
        """Return once the client is back."""
        ...

    async def fall_silent(self) -> None:
        """Let the socket live and deliver nothing, until the client connects anew of itself.

        Returns once it is so. What people say meanwhile arrives after the client is back.
        """
        ...

    def storm(self, calls: int, retry_after: float) -> None:
        """Refuse the next ``calls`` calls of the bot with "too many requests, come back in ``retry_after`` seconds"."""
        ...

    def unanswered(self) -> int:
        """Return how many presses and native commands the service still waits to have acknowledged.

        A service waits for three seconds, then tells the person that the bot failed.
        """
        ...

    def restart(self) -> Adapter:
        """Return a new adapter, as after a restart of the bot; ``Platform.adapter`` is this one from now on.

        The service has not forgotten anything: messages, controls and open forms stay.
        """
        ...


class Platform(Protocol):
    """A fake of the chat service, at its wire: what users write, what they then see."""

    @property
    def adapter(self) -> Adapter: ...

    @property
    def people(self) -> People | None:
        """Return what people can do besides writing; None where they can only write."""
        ...

    @property
    def faults(self) -> Faults | None:
        """Return what can break; None where the fake cannot break anything."""
        ...

    def users_say(self, *texts: str) -> None:
        """Let a person write these to the bot, one after the other. Called before the adapter runs, or while it does."""
        ...

    def users_see(self) -> Sequence[str]:
        """Return what is visible of the bot now, message by message, oldest first."""
        ...

    def acknowledged(self) -> int | None:
        """Return how many messages the platform will not deliver again; None if it never delivers any twice."""
        ...
