"""The parts of views that are read rather than pressed: as Markdown, or as files."""

from __future__ import annotations

import re

from rostra.views import Ballot, Buttons, Choices, File, Form, Part, Table, View, as_text

from .items import LETTERS, PLACEHOLDER, fits, listed
from .text import seen

TABLE = 1800
"""Characters of a table that are shown in a message; a larger one is a file."""

_UNFIT = re.compile(r"[^\w.()+,=@ -]+")
_NAME = 100


def text_of(part: Part) -> str:
    """Return what there is to read of a part, as Markdown that is still to be escaped."""
    match part:
        case Table():
            table = _as_text(part)
            return "" if len(table) > TABLE else f"```\n{_unfenced(table)}\n```"
        case Buttons():
            return ""
        case Choices():
            if listed(part):
                return _as_text(part)
            return part.prompt if len(part.prompt) > PLACEHOLDER else ""
        case Form():
            return "" if fits(part) else _as_text(part)
        case Ballot():
            return as_text(View(parts=(part,)))
        case File():
            return part.description
        case _:
            return part.text


def file_of(part: Part) -> tuple[str, bytes] | None:
    """Return the file that a part is, or has become because it is too long."""
    match part:
        case File():
            return named(part.name), part.data
        case Table() if len(_as_text(part)) > TABLE:
            return "table.txt", seen(_as_text(part)).encode()
        case _:
            return None


def named(name: str) -> str:
    """Return a file's name as Discord takes it."""
    return _UNFIT.sub("_", seen(name)).strip(". ")[-_NAME:] or "file"


def answer_name(slot: int) -> str:
    """Return what the file with the whole of an answer on a ballot is called: nothing that tells whose it is."""
    return f"{LETTERS[slot]}.md"


def _as_text(part: Part) -> str:
    return as_text(View(parts=(part,)))


def _unfenced(text: str) -> str:
    return text.replace("```", "'''")
