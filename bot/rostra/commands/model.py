"""``/model``: which answerer a place talks to."""

from __future__ import annotations

from ..command import Call, Option, command
from ..places import Permission
from ..views import Table, View


@command(
    "model",
    help="Show which models can answer here, or switch",
    options=[Option(name="name", help="the answerer to switch to; 'default' goes back")],
)
async def model(call: Call) -> View | str:
    """List the answerers with the present one marked; operators may switch."""
    answerers = call.desk.answerers()
    name = call.options.get("name")
    if name is None:
        rows = tuple(
            ("→" if one.name == call.turn.answerer.name else "", one.name, one.model, one.persona)
            for one in answerers.values()
        )
        return View(parts=(Table(header=("", "Name", "Model", "Persona"), rows=rows),), private=True)
    if call.turn.permission < Permission.OPERATOR:
        return "Only operators may switch the model of a place."
    if name not in answerers:
        return f"There is no `{name}` here. There are: {', '.join(answerers)}."
    await call.desk.choose(call.turn, "answerer", None if name == "default" else name)
    return f"From now on `{name}` answers here."
