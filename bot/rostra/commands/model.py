"""``/model``: which answerer a place talks to."""

from __future__ import annotations

from ..command import Call, Option, command
from ..denied import denied
from ..places import Permission
from ..views import Table, View
from .choosing import SCOPE, answerers, chosen


@command(
    "model",
    help="Show which models can answer here, or switch",
    options=[
        Option(name="name", help="the answerer to switch to; 'default' goes back", choices=answerers),
        SCOPE,
    ],
)
async def model(call: Call) -> View | str:
    """List the answerers with the present one marked; operators may switch."""
    known = call.desk.answerers()
    name = call.options.get("name")
    if name is None:
        rows = tuple(
            ("→" if one.name == call.turn.answerer.name else "", one.name, one.model, one.persona)
            for one in known.values()
        )
        return View(parts=(Table(header=("", "Name", "Model", "Persona"), rows=rows),), private=True)
    if call.turn.permission < Permission.OPERATOR:
        roles = call.desk.roles(Permission.OPERATOR, call.place)
        return denied("`/model NAME`", Permission.OPERATOR, call.turn, roles)
    if name not in known and name != "default":
        return f"There is no `{name}` here. There are: {', '.join(known)}."
    try:
        where = await chosen(call, "answerer", name)
    except ValueError as error:
        return f"That does not work: {error}."
    return f"From now on `{name}` answers {where}."
