"""Forms as modals of Discord, and what comes back of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import discord

from rostra.controls import Control
from rostra.views import Ballot, Field, Form, Scale

from .items import FIELDS, LETTERS, custom_id
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


def points(ballot: Ballot, slot: int, id_: str) -> discord.ui.Modal:
    """Return the modal in which one answer of a ballot gets its points: a menu for each scale, with what was given so far."""
    made = discord.ui.Modal(title=f"Answer {LETTERS[slot]}", timeout=None, custom_id=custom_id(id_))
    given = dict(ballot.given[slot]) if slot < len(ballot.given) else {}
    for number, scale in enumerate(ballot.scales[:FIELDS]):
        made.add_item(_scale(scale, slot * FIELDS + number, given.get(scale.name, 0)))
    made.stop()
    return made


def _scale(scale: Scale, number: int, given: int) -> discord.ui.Item[Any]:
    options = [
        discord.SelectOption(label=str(value), value=str(value), default=value == given)
        for value in range(1, scale.most + 1)
    ]
    return discord.ui.Label[Any](
        text=shortened(f"{scale.name}, from 1 to {scale.most}", LABEL),
        component=discord.ui.Select[Any](custom_id=str(number), options=options, required=False),
    )


def filled(interaction: discord.Interaction) -> Mapping[int, str]:
    """Return what was filled into a modal, by the numbers of its fields."""
    data = cast("Mapping[str, Any]", interaction.data or {})
    return {
        int(component["custom_id"]): value
        for component in _components(data.get("components", ()))
        if str(component.get("custom_id", "")).isdigit() and (value := _value(component)) is not None
    }


def _value(component: Mapping[str, Any]) -> str | None:
    """Return what was written into a field, or picked from a menu."""
    picked = component.get("values") or [component.get("value")]
    return None if picked[0] is None else str(picked[0])


def named(form: Control | None, values: Mapping[int, str]) -> Mapping[str, str]:
    """Return the values by the names of their fields; by their numbers, where the form is not there any more."""
    if isinstance(form, Ballot):
        return _given(form, values)
    if not isinstance(form, Form):
        return {str(number): value for number, value in values.items()}
    return {form.fields[number].name: value for number, value in values.items() if number < len(form.fields)}


def _given(ballot: Ballot, values: Mapping[int, str]) -> Mapping[str, str]:
    """Return the points of an answer as people write them."""
    said: dict[str, list[str]] = {}
    for number, value in sorted(values.items()):
        slot, at = divmod(number, FIELDS)
        if slot < len(ballot.answers) and at < len(ballot.scales):
            said.setdefault(LETTERS[slot], []).append(f"{ballot.scales[at].name} {value}")
    written = "; ".join(f"{letter}: {', '.join(points)}" for letter, points in said.items())
    return {"ranking": written} if written else {}


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
