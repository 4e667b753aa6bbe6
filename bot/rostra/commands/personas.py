"""``/personas``: operators make personas for their workspace, in the chat."""

from __future__ import annotations

from collections.abc import Sequence

from ..command import Call, Command, Desk, Option, command
from ..places import Permission, Place
from ..views import Field, Form, View
from ..wardrobe import NAME


async def _names(desk: Desk, place: Place) -> Sequence[str]:
    return tuple(await desk.personas(place))


@command(
    "personas edit",
    help="Make a persona for this workspace, or change it",
    options=[
        Option(name="name", help="small letters, digits, - and _", required=True, free=True, choices=_names),
        Option(name="prompt", help="how it is told to be; without it, you get a form", free=True),
    ],
    permission=Permission.OPERATOR,
)
async def edit(call: Call) -> View | str:
    """Keep a persona as it is given; ask for its prompt with a form where that is not given."""
    name, prompt = call.options["name"], call.options.get("prompt")
    try:
        if prompt is not None:
            await call.desk.keep_persona(call.turn, name, prompt)
            return f"The persona `{name}` is kept for this workspace. `/persona {name}` switches to it."
    except ValueError as error:
        return f"That does not work: {error}."
    if NAME.fullmatch(name) is None:
        return f"That does not work: {name[:40]!r} is no name; write up to 32 small letters, digits, - and _."
    now = (await call.desk.personas(call.place)).get(name, "")
    field = Field(name="prompt", label="Prompt", value=now, lines=8)
    form = Form(control=f"/personas edit {name}", title=f"Persona {name}", fields=(field,))
    return View(parts=(form,), private=True)


@command(
    "personas remove",
    help="Remove a persona that was made here",
    options=[Option(name="name", help="its name", required=True, choices=_names)],
    permission=Permission.OPERATOR,
    dangerous="removes the persona wherever it was chosen in this workspace.",
)
async def remove(call: Call) -> str:
    """Remove a persona; places that chose it go back to their answerer's."""
    name = call.options["name"]
    try:
        await call.desk.remove_persona(call.turn, name)
    except ValueError as error:
        return f"That does not work: {error}."
    return f"The persona `{name}` is gone."


commands: tuple[Command, ...] = (edit, remove)
