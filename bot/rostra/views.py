"""What commands answer with: platform-neutral parts that each adapter renders natively.

Where a platform cannot show a part, its text form (`as_text`) serves. Controls carry opaque ids only: what
they mean stays on our side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

Style: TypeAlias = Literal["plain", "primary", "danger", "good", "bad"]
"""How a button looks. ``good`` and ``bad`` are what people press to say so of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Markdown as people write it in chats: emphasis, code, lists, links."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """One thing to press; pressing it sends a `rostra.events.Press` with its id (`rostra.controls`).

    ``control`` is the command line that it stands for, such as ``/review show 17``; no platform gets to see it.
    """

    control: str
    label: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buttons:
    """Buttons in one row, as far as the platform has room."""

    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Pick ``least`` to ``most`` of these."""

    control: str
    prompt: str
    choices: tuple[Choice, ...]
    least: int = 1
    most: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    label: str
    value: str = ""
    lines: int = 1
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Fields to fill in; sending it sends a `rostra.events.Submit` with its id as the form.

    The fields become the options of the command ``control``, by name.
    """

    control: str
    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Something that answers get points for, from 1 to ``most``."""

    name: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """Answers under letters A, B, … in the order shown: to put in order, or with ``scales``, to give points on each.

    ``given`` has the points of each answer so far, as (scale, points). What is sent is the option ``ranking`` of the command
    ``control``: an order such as ``B > A = C``, or points such as ``A: helpful 4, true 5; B: helpful 3``.
    """

    control: str
    question: str
    answers: tuple[str, ...]
    scales: tuple[Scale, ...] = ()
    given: tuple[tuple[tuple[str, int], ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Bytes to hand over. A picture is a file whose ``media_type`` starts with ``image/``."""

    name: str
    media_type: str
    data: bytes
    description: str = ""


Part: TypeAlias = Text | Buttons | Choices | Form | Ballot | Table | File


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a command shows. ``private`` asks the platform to show it to the asker alone.

    ``in_place``: where somebody pressed a control of a view, show this one instead of it, if the platform can.
    """

    parts: tuple[Part, ...]
    private: bool = False
    in_place: bool = False


def text(markdown: str, *, private: bool = False, in_place: bool = False) -> View:
    """Return a view of one text."""
    return View(parts=(Text(text=markdown),), private=private, in_place=in_place)


def as_text(view: View) -> str:
    """Return the text form of a view, for platforms and people that have nothing else."""
    return "\n\n".join(filter(None, map(_part, view.parts)))


def _part(part: Part) -> str:
    match part:
        case Text():
            return part.text
        case Buttons():
            return " · ".join(f"[{button.label}]" for button in part.buttons)
        case Choices():
            return "\n".join([part.prompt, *(_choice(part, choice) for choice in part.choices)])
        case Form():
            return _form(part)
        case Ballot():
            answers = (
                f"{letter}) {answer}" for letter, answer in zip("ABCDEFGHI", part.answers, strict=False)
            )
            return "\n\n".join([part.question, *answers])
        case Table():
            return _table(part)
        case File():
            return f"[{part.name}: {part.description or part.media_type}]"
        case _:
            assert_never(part)


def _choice(part: Choices, choice: Choice) -> str:
    written = f": `{part.control} {choice.value}`" if part.control.startswith("/") else ""
    return f"- {choice.label}{written}"


def _form(form: Form) -> str:
    lines = [
        form.title,
        *(f"- {field.label}:{f' {field.value}' if field.value else ''}" for field in form.fields),
    ]
    if form.control.startswith("/"):
        # Words fill the options of the command that the form stands for in their order, as its fields do.
        names = " ".join(field.name.upper() for field in form.fields)
        lines.append(f"Write it as `{form.control} {names}`.")
    return "\n".join(lines)


def _table(table: Table) -> str:
    rows = [table.header, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.header))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
    return "\n".join(lines)
