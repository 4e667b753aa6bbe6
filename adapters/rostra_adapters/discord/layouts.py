"""Views as Components V2: one message of at most 40 components and 4,000 characters, texts and controls by turns.

Source: https://docs.discord.com/developers/components/reference and the checks of `discord.ui.LayoutView`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import discord

from rostra.controls import Control, controls_of, ids
from rostra.views import Ballot, Buttons, Choices, File, Form, Part, View

from .drafts import Draft
from .items import Item, letter, rows_for
from .parts import answer_name, file_of, text_of
from .text import escaped, seen, shortened

COMPONENTS = 40
CHARACTERS = 4000
FILES = 10
QUESTION = 500
"""Characters of a ballot's question that are shown; the answers share what is left of the message."""

EMPTY = "*(nothing)*"
MORE = " *… (the whole of it is in {name})*"


@dataclass(slots=True)
class _Sheet:
    """A layout in the making: makers of its components, and what they take of the limits."""

    makers: list[Any] = field(default_factory=list[Any])
    files: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    components: int = 0
    characters: int = 0

    def text(self, markdown: str) -> None:
        if markdown.strip():
            self.makers.append(partial(discord.ui.TextDisplay[Any], markdown))
            self.components += 1
            self.characters += len(markdown)

    def row(self, numbered: Sequence[tuple[str, Control]]) -> None:
        for make in rows_for(numbered):
            self.makers.append(partial(_row, make))
            self.components += 1 + len(make())

    def file(self, name: str, data: bytes, *, picture: bool) -> None:
        if any(name == other for other, _ in self.files):
            name = f"{len(self.files)}-{name}"
        self.files.append((name, data))
        self.makers.append(partial(_gallery if picture else _file, name))
        self.components += 1

    @property
    def fits(self) -> bool:
        within = self.components <= COMPONENTS and self.characters <= CHARACTERS
        return bool(self.makers) and within and len(self.files) <= FILES

    def draft(self) -> Draft:
        return Draft(layout=True, view=partial(_made, self.makers), files=tuple(self.files))


def layout_of(view: View, reply: str) -> Draft | None:
    """Return ``view`` in one message of Components V2, or None if it is too much for that."""
    sheet = _Sheet()
    numbered = list(ids(reply, view))
    for part in view.parts:
        mine = len(controls_of(View(parts=(part,))))
        taken, numbered = numbered[:mine], numbered[mine:]
        _put(sheet, part, taken)
    return sheet.draft() if sheet.fits else None


def _put(sheet: _Sheet, part: Part, numbered: Sequence[tuple[str, Control]]) -> None:
    if isinstance(part, Ballot):
        _ballot(sheet, part, numbered[0][0])
        return
    sheet.text(escaped(text_of(part)).strip("\n"))
    found = file_of(part)
    if found is not None:
        sheet.file(*found, picture=isinstance(part, File) and part.media_type.startswith("image/"))
    if isinstance(part, Buttons | Choices | Form):
        sheet.row(numbered)


def _ballot(sheet: _Sheet, ballot: Ballot, id_: str) -> None:
    """Put each answer beside the button with its letter; what is too long is shown in part and attached in full.

    All answers get the same share of the room: how long one looks is not to speak for it.
    """
    question = escaped(ballot.question).strip() or "Which is best?"
    sheet.text(f"**{shortened(question, QUESTION)}**" if len(question) > QUESTION else question)
    share = _share(ballot.answers, CHARACTERS - sheet.characters)
    for slot, answer in enumerate(ballot.answers):
        shown = escaped(answer).strip() or EMPTY
        if len(shown) > share:
            more = MORE.format(name=answer_name(slot))
            shown = _cut(shown, share - len(more)) + more
            sheet.files.append((answer_name(slot), seen(answer).encode()))
        sheet.makers.append(partial(_section, shown, id_, slot))
        sheet.components += 3
        sheet.characters += len(shown)
    for name, _ in sheet.files:
        sheet.makers.append(partial(_file, name))
        sheet.components += 1


def _share(answers: Sequence[str], room: int) -> int:
    """Return how many characters each answer may have: more than an equal part if others need less."""
    lengths = sorted(len(escaped(answer).strip() or EMPTY) for answer in answers)
    for number, length in enumerate(lengths):
        share = room // (len(lengths) - number)
        if length > share:
            return share
        room -= length
    return max(lengths, default=0)


def _cut(text: str, length: int) -> str:
    """Return the beginning of a text, with its code block closed."""
    cut = text[:length].rstrip()
    if cut.count("```") % 2:
        cut = text[: length - 4].rstrip("`").rstrip()
        return cut + "\n```" if cut.count("```") % 2 else cut
    return cut


def _made(makers: Sequence[Any]) -> discord.ui.LayoutView:
    made = discord.ui.LayoutView(timeout=None)
    for make in makers:
        made.add_item(make())
    return made


def _row(make: Any) -> discord.ui.ActionRow[Any]:
    return discord.ui.ActionRow[Any](*make())


def _section(text: str, id_: str, slot: int) -> Item:
    return discord.ui.Section[Any](discord.ui.TextDisplay[Any](text), accessory=letter(id_, slot))


def _file(name: str) -> Item:
    return discord.ui.File[Any](f"attachment://{name}")


def _gallery(name: str) -> Item:
    return discord.ui.MediaGallery[Any](discord.MediaGalleryItem(f"attachment://{name}"))
