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

SHOWN = 100
"""Characters of an answer that are shown at least."""

TOGETHER = "answers.md"
"""The file with all long answers, where there is no room for a file each."""

EMPTY = "*(nothing)*"
MORE = " *… (the whole of it is in {name})*"


@dataclass(slots=True)
class _Sheet:
    """A layout in the making: makers of its components, and what they take of the limits.

    ``room`` are the characters that answers may have. ``together``: they share a file.
    """

    room: int = CHARACTERS
    together: bool = False
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
    for together in (False, True):
        sheet = _laid(view, reply, together=together)
        if sheet.fits:
            return sheet.draft()
    return None


def _laid(view: View, reply: str, *, together: bool) -> _Sheet:
    others = sum(len(_words(part)) for part in view.parts if not isinstance(part, Ballot))
    sheet = _Sheet(room=CHARACTERS - others, together=together)
    numbered = list(ids(reply, view))
    for part in view.parts:
        mine = len(controls_of(View(parts=(part,))))
        taken, numbered = numbered[:mine], numbered[mine:]
        _put(sheet, part, taken)
    return sheet


def _words(part: Part) -> str:
    return escaped(text_of(part)).strip("\n")


def _put(sheet: _Sheet, part: Part, numbered: Sequence[tuple[str, Control]]) -> None:
    if isinstance(part, Ballot):
        _ballot(sheet, part, numbered[0][0])
        return
    sheet.text(_words(part))
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
    question = f"**{shortened(question, QUESTION)}**" if len(question) > QUESTION else question
    sheet.text(question)
    share = _share(ballot.answers, sheet.room - len(question))
    whole: list[tuple[str, str]] = []
    for slot, answer in enumerate(ballot.answers):
        shown = escaped(answer).strip() or EMPTY
        if len(shown) > share:
            name = answer_name(slot)
            more = MORE.format(name=TOGETHER if sheet.together else name)
            shown = _cut(shown, max(SHOWN, share - len(more))) + more
            whole.append((name, seen(answer)))
        sheet.makers.append(partial(_section, shown, id_, slot))
        sheet.components += 3
        sheet.characters += len(shown)
    if sheet.together and whole:
        titled = (f"# {name.partition('.')[0]}\n\n{text}" for name, text in whole)
        whole = [(TOGETHER, "\n\n".join(titled))]
    for name, text in whole:
        sheet.file(name, text.encode(), picture=False)


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
