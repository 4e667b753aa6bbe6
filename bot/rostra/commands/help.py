"""``/help``: what can be asked of the bot."""

from __future__ import annotations

from ..command import Call, Option, command, usage
from ..views import Table, Text, View


@command("help", help="Show what you can ask of me", options=[Option(name="command", help="one command")])
async def help_(call: Call) -> View | str:
    """List the commands that the asker may use, or explain one."""
    allowed = [one for one in call.desk.commands() if call.turn.permission >= one.permission]
    wanted = call.options.get("command", "").removeprefix("/")
    if not wanted:
        rows = tuple((usage(one), one.help) for one in allowed)
        return View(parts=(Table(header=("Command", "What it does"), rows=rows),), private=True)
    found = next((one for one in allowed if one.name == wanted), None)
    if found is None:
        return f"There is no command `/{wanted}`. `/help` lists all of them."
    lines = [
        f"`{usage(found)}`: {found.help}",
        *(f"- {option.name}: {option.help}" for option in found.options),
    ]
    return View(parts=(Text(text="\n".join(lines)),), private=True)
