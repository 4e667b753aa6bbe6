"""Views as messages of Discord.

A view whose parts come in the order people read them, with texts and controls by turns, is born as Components V2; a text
with controls under it, or a view that is too much for one message, is an ordinary message with rows of components.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import discord

from rostra.views import Ballot, Button, File, Table, Text, View

from .drafts import Draft
from .items import Row, button_rows, rows_of
from .layouts import layout_of
from .parts import file_of, text_of
from .pieces import pieces

ROWS = 5
FILES = 10


def drawn(view: View, reply: str, *, layout: bool | None = None) -> Sequence[Draft]:
    """Return the messages that show ``view`` as the reply with this id.

    ``layout`` says whether they have to be Components V2, as a message that is already there is; None lets the view decide.
    """
    if layout is not False and (layout or _wants_layout(view)):
        found = layout_of(view, reply)
        if found is not None:
            return [found]
    return _ordinary(view, reply)


def buttons_under(drafts: Sequence[Draft], reply: str, buttons: Sequence[Button]) -> Sequence[Draft]:
    """Return ``drafts`` with ``buttons`` under the last of them."""
    if not buttons or not drafts:
        return drafts
    rows = button_rows(reply, buttons)[:ROWS]
    last = drafts[-1]
    return [*drafts[:-1], Draft(content=last.content, view=partial(_view, rows), files=last.files)]


def _wants_layout(view: View) -> bool:
    """Return whether a text follows a control, or there is more to press than rows under a text can hold."""
    controls = False
    for part in view.parts:
        if isinstance(part, Ballot):
            return True
        if isinstance(part, Text | Table | File):
            if controls:
                return True
        else:
            controls = True
    return False


def _ordinary(view: View, reply: str) -> Sequence[Draft]:
    texts = [text_of(part) for part in view.parts]
    files = [file for part in view.parts if (file := file_of(part)) is not None]
    rows = rows_of(view, reply)
    found = [Draft(content=piece) for piece in pieces("\n\n".join(filter(None, texts)))]
    attached = [_apart(number, files) for number in range(len(files))]
    # Whatever does not fit under one message goes under another.
    while attached or rows:
        content = ""
        if found and found[-1].plain:
            content = found.pop().content
        here, rows = rows[:ROWS], rows[ROWS:]
        now, attached = attached[:FILES], attached[FILES:]
        found.append(Draft(content=content, view=partial(_view, here) if here else None, files=tuple(now)))
    return found


def _apart(number: int, files: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Return one of ``files`` under a name that none before it has."""
    name, data = files[number]
    return (f"{number}-{name}" if any(name == other for other, _ in files[:number]) else name), data


def _view(rows: Sequence[Row]) -> discord.ui.View:
    made = discord.ui.View(timeout=None)
    for number, items in enumerate(rows):
        for one in items():
            one.row = number
            made.add_item(one)
    return made
