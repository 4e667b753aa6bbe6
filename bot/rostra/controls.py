"""Controls of views: the opaque ids that platforms carry, and what an id leads back to.

A view's controls are numbered in the order they are shown. An adapter gives each the id ``REPLY.NUMBER``, and that is
all a custom id or action id holds: what a control does stays in the stored reply, so that it works after a restart,
and nobody who tampers with an id reaches anything that was not shown where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

from .actions import Finish, Show
from .places import Person, Place
from .stores import Entry, Ledger
from .views import Ballot, Button, Buttons, Choices, Form, View

Control: TypeAlias = Button | Choices | Form | Ballot
"""A part of a view that people can do something with."""

ID = re.compile(r"([0-9A-Za-z_-]{1,64})\.(0|[1-9][0-9]{0,3})", re.ASCII)
"""How an id is written: it fits into Discord's 100 characters and Slack's 255."""


class Controls(Protocol):
    """What adapters may ask about a control before they acknowledge that it was pressed."""

    async def find(self, place: Place, id: str, by: Person | None = None) -> Control | None:  # noqa: A002  its name
        """Return the control with this id, if it was shown in the channel of ``place``; None if there is none.

        With ``by``, a control that was shown to somebody else alone is none either. Raises `StoreError`.
        """
        ...


def controls_of(shown: View | Sequence[Button]) -> Sequence[Control]:
    """Return the controls of a view, or the buttons of a `rostra.actions.Finish`, in the order of their numbers."""
    if not isinstance(shown, View):
        return tuple(shown)
    found: list[Control] = []
    for part in shown.parts:
        if isinstance(part, Buttons):
            found.extend(part.buttons)
        elif isinstance(part, Choices | Form | Ballot):
            found.append(part)
    return tuple(found)


def ids(reply: str, shown: View | Sequence[Button]) -> Iterator[tuple[str, Control]]:
    """Yield each control of what the reply with this id shows, with the id that the platform gets for it."""
    for number, control in enumerate(controls_of(shown)):
        yield f"{reply}.{number}", control


class StoredControls:
    """`Controls` over the replies that are kept: as long as a reply is there, so are its controls."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def find(self, place: Place, id: str, by: Person | None = None) -> Control | None:  # noqa: A002  its name
        written = ID.fullmatch(id)
        if written is None:
            return None
        reply, number = written[1], int(written[2])
        entry = await self._ledger.entry(reply)
        if entry is None or not _same_channel(entry.event.place, place):
            return None
        shown = _shown(entry)
        if by is not None and isinstance(shown, View) and shown.private and not _asked(entry, by):
            return None
        controls = controls_of(shown)
        return controls[number] if number < len(controls) else None


def _shown(entry: Entry) -> View | Sequence[Button]:
    match entry.reply.action:
        case Show(view=view):
            return view
        case Finish(buttons=buttons):
            return buttons
        case _:
            return ()


def _same_channel(one: Place, other: Place) -> bool:
    return (one.adapter, one.workspace, one.channel) == (other.adapter, other.workspace, other.channel)


def _asked(entry: Entry, person: Person) -> bool:
    author = entry.event.author
    return author is not None and author.id == person.id
