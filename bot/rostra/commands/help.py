"""``/help``: what can be asked of the bot."""

from __future__ import annotations

from ..command import PREFIX, Call, Option, command, usage
from ..views import Table, Text, View
from .choosing import commands


@command(
    "help",
    help="Show what you can ask of me",
    options=[Option(name="command", help="one command", choices=commands)],
)
async def help_(call: Call) -> View | str:
    """List the commands that the asker may use or those that begin alike, or explain one."""
    allowed = [one for one in call.desk.commands() if call.turn.permission >= one.permission]
    wanted = call.options.get("command", "").removeprefix("/").removeprefix(f"{PREFIX} ")
    found = next((one for one in allowed if one.name == wanted), None)
    alike = [one for one in allowed if not wanted or one.name.startswith(f"{wanted} ")]
    if found is None and alike:
        rows = tuple((usage(one), one.help) for one in alike)
        return View(parts=(Table(header=("Command", "What it does"), rows=rows),), private=True)
    if found is None:
        return f"There is no command `/{wanted}`. `/help` lists all of them."
    lines = [
        f"`{usage(found)}`: {found.help}",
        *(f"- {option.name}: {option.help}" for option in found.options),
    ]
    return View(parts=(Text(text="\n".join(lines)),), private=True)
