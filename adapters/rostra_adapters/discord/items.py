"""Controls of views as components of Discord: what their ids are, and how they lie in rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import discord

from rostra.controls import Control, ids
from rostra.views import Ballot, Button, Choices, Form, Style, View

from .text import shortened

TEMPLATE = re.compile(r"rostra:(?P<id>[0-9A-Za-z_-]{1,64}\.[0-9]{1,4})(?::(?P<slot>[0-9]{1,3}))?", re.ASCII)
"""How a custom id is written: the control's id, and which part of the control it is, where it has several.

It says nothing of what the control does: people can read custom ids, and send others.
"""

LABEL = 80
OPTION = 100
PLACEHOLDER = 150
OPTIONS = 25
IN_A_ROW = 5
SELECTS = 5
"""Limits of Discord's. Source: https://docs.discord.com/developers/components/reference"""

FIELDS = 5
"""Fields that a modal has room for."""

LETTERS = "ABCDEFGHI"

Item: TypeAlias = "discord.ui.Item[Any]"
Row: TypeAlias = Callable[[], Sequence[Item]]
"""Makes the components of one row anew: discord.py's belong to the view they were put into."""

_STYLES: dict[Style, discord.ButtonStyle] = {
    "plain": discord.ButtonStyle.secondary,
    "primary": discord.ButtonStyle.primary,
    "danger": discord.ButtonStyle.danger,
    "good": discord.ButtonStyle.success,
    "bad": discord.ButtonStyle.danger,
}


def custom_id(id_: str, slot: int | None = None) -> str:
    """Return what Discord knows a control, or part ``slot`` of it, by."""
    return f"rostra:{id_}" if slot is None else f"rostra:{id_}:{slot}"


def rows_of(view: View, reply: str) -> Sequence[Row]:
    """Return the rows of all controls of ``view`` in their order, buttons beside one another."""
    numbered = list(ids(reply, view))
    found: list[Row] = []
    while numbered:
        buttons = 0
        while buttons < min(len(numbered), IN_A_ROW) and isinstance(numbered[buttons][1], Button | Form):
            buttons += 1
        taken, numbered = numbered[: buttons or 1], numbered[buttons or 1 :]
        found.extend(rows_for(taken))
    return found


def rows_for(numbered: Sequence[tuple[str, Control]]) -> Iterator[Row]:
    """Yield the rows for controls with their ids."""
    buttons = [
        (id_, one)
        for id_, one in numbered
        if isinstance(one, Button) or (isinstance(one, Form) and fits(one))
    ]
    for begin in range(0, len(buttons), IN_A_ROW):
        yield partial(_buttons, buttons[begin : begin + IN_A_ROW])
    for id_, one in numbered:
        if isinstance(one, Choices):
            yield from _selects(id_, one)
        elif isinstance(one, Ballot):
            letters = list(enumerate(LETTERS[: len(one.answers)]))
            for begin in range(0, len(letters), IN_A_ROW):
                yield partial(_letters, id_, letters[begin : begin + IN_A_ROW])


def button_rows(reply: str, buttons: Sequence[Button]) -> Sequence[Row]:
    """Return the rows of the buttons under an answer."""
    return list(rows_for(list(ids(reply, buttons))))


def listed(choices: Choices) -> bool:
    """Return whether there are more choices than Discord can offer: then they are written down."""
    return len(choices.choices) > OPTIONS * SELECTS or not choices.choices


def fits(form: Form) -> bool:
    """Return whether Discord can show a form; else its fields are written down."""
    return 1 <= len(form.fields) <= FIELDS


def letter(id_: str, slot: int) -> Item:
    """Return the button of one answer of a ballot."""
    return discord.ui.Button(label=LETTERS[slot], custom_id=custom_id(id_, slot))


def _letters(id_: str, letters: Sequence[tuple[int, str]]) -> Sequence[Item]:
    return [letter(id_, slot) for slot, _ in letters]


def _buttons(buttons: Sequence[tuple[str, Button | Form]]) -> Sequence[Item]:
    return [_button(id_, one) for id_, one in buttons]


def _button(id_: str, one: Button | Form) -> Item:
    if isinstance(one, Form):
        label = shortened(one.title, LABEL - 2) or "…"
        return discord.ui.Button(
            label=f"{label} …", custom_id=custom_id(id_), style=discord.ButtonStyle.primary
        )
    label = shortened(one.label, LABEL) or "…"
    return discord.ui.Button(label=label, custom_id=custom_id(id_), style=_STYLES[one.style])


def _selects(id_: str, one: Choices) -> Iterator[Row]:
    if listed(one):
        return
    for slot, begin in enumerate(range(0, len(one.choices), OPTIONS)):
        yield partial(_select, id_, one, slot, begin)


def _select(id_: str, one: Choices, slot: int, begin: int) -> Sequence[Item]:
    # A value may be longer than Discord allows: its number stands for it.
    options = [
        discord.SelectOption(label=shortened(choice.label, OPTION) or "…", value=str(begin + number))
        for number, choice in enumerate(one.choices[begin : begin + OPTIONS])
    ]
    several = len(one.choices) > OPTIONS
    most = max(1, min(one.most, len(options)))
    return [
        discord.ui.Select[Any](
            custom_id=custom_id(id_, slot if several else None),
            placeholder=shortened(one.prompt, PLACEHOLDER) or None,
            min_values=0 if several and most > 1 else max(0, min(one.least, most)),
            max_values=most,
            options=options,
        )
    ]
