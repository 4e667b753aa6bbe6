"""``/persona``: how the bot presents itself in a place."""

from __future__ import annotations

from ..command import Call, Option, command
from ..denied import denied
from ..places import Permission
from ..views import Table, View
from .choosing import SCOPE, chosen, personas, scope

SHORT = 60


@command(
    "persona",
    help="Show the personas, or switch",
    options=[
        Option(name="name", help="the persona to switch to; 'default' goes back", choices=personas),
        SCOPE,
    ],
)
async def persona(call: Call) -> View | str:
    """List the personas with the present one marked, or switch the place to another."""
    known = await call.desk.personas(call.place)
    name = call.options.get("name")
    if name is None:
        now = (await call.desk.chosen(call.place)).get("persona", call.turn.answerer.persona)
        rows = tuple(("→" if one == now else "", one, _short(prompt)) for one, prompt in known.items())
        return View(parts=(Table(header=("", "Name", "Says of itself"), rows=rows),), private=True)
    if name != "default" and name not in known:
        return f"There is no persona `{name}`. There are: {', '.join(known)}."
    try:
        if scope(call) == "workspace" and call.turn.permission < Permission.OPERATOR:
            roles = call.desk.roles(Permission.OPERATOR, call.place)
            return denied("`/persona NAME workspace`", Permission.OPERATOR, call.turn, roles)
        where = await chosen(call, "persona", name)
    except ValueError as error:
        return f"That does not work: {error}."
    return f"From now on I am `{name}` {where}. `/reset` makes me forget what I said before."


def _short(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"
