"""``/persona``: how the bot presents itself in a place."""

from __future__ import annotations

from ..command import Call, Option, command
from ..views import Table, View

SHORT = 60


@command(
    "persona",
    help="Show the personas, or switch",
    options=[Option(name="name", help="the persona to switch to; 'default' goes back")],
)
async def persona(call: Call) -> View | str:
    """List the personas with the present one marked, or switch the place to another."""
    personas = call.desk.personas()
    name = call.options.get("name")
    if name is None:
        chosen = (await call.desk.chosen(call.place)).get("persona", call.turn.answerer.persona)
        rows = tuple(("→" if one == chosen else "", one, _short(prompt)) for one, prompt in personas.items())
        return View(parts=(Table(header=("", "Name", "Says of itself"), rows=rows),), private=True)
    if name != "default" and name not in personas:
        return f"There is no persona `{name}`. There are: {', '.join(personas)}."
    await call.desk.choose(call.turn, "persona", None if name == "default" else name)
    return f"From now on I am `{name}` here. `/reset` makes me forget what I said before."


def _short(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"
