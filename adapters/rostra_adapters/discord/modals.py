"""Forms as modals of Discord, and what comes back of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import discord

from rostra.views import Field, Form

from .items import custom_id
from .text import seen, shortened

TITLE = 45
LABEL = 45
VALUE = 4000
"""Limits of Discord's. Source: https://docs.discord.com/developers/components/reference#text-input"""


def modal(form: Form, id_: str) -> discord.ui.Modal:
    """Return the modal for a form. Its fields are known by their numbers; discord.py is not to wait for it."""
    made = discord.ui.Modal(title=shortened(form.title, TITLE) or "…", timeout=None, custom_id=custom_id(id_))
    for number, field in enumerate(form.fields):
        made.add_item(_field(field, number))
    made.stop()  # it may be sent to a process that never saw it: `filled` reads it without discord.py's help
    return made


def filled(interaction: discord.Interaction) -> Mapping[int, str]:
    """Return what was filled into a modal, by the numbers of its fields."""
    data = cast("Mapping[str, Any]", interaction.data or {})
    return {
        int(component["custom_id"]): str(component["value"])
        for component in _components(data.get("components", ()))
        if str(component.get("custom_id", "")).isdigit() and component.get("value") is not None
    }


def named(form: Form | None, values: Mapping[int, str]) -> Mapping[str, str]:
    """Return the values by the names of their fields; by their numbers, where the form is not there any more."""
    if form is None:
        return {str(number): value for number, value in values.items()}
    return {form.fields[number].name: value for number, value in values.items() if number < len(form.fields)}


def _field(field: Field, number: int) -> discord.ui.Item[Any]:
    style = discord.TextStyle.short if field.lines <= 1 else discord.TextStyle.paragraph
    return discord.ui.Label[Any](
        text=shortened(field.label, LABEL) or "…",
        component=discord.ui.TextInput[Any](
            custom_id=str(number),
            style=style,
            default=seen(field.value)[:VALUE] or None,
            required=field.required,
            max_length=VALUE,
        ),
    )


def _components(found: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the components of a modal that have values: Discord nests them in labels, or in rows."""
    for one in found:
        yield one
        if "component" in one:
            yield from _components([one["component"]])
        yield from _components(one.get("components", ()))
