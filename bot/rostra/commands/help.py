"""``/help``: what can be asked of the bot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ..command import PREFIX, Call, Command, Option, command, usage
from ..views import Table, Text, View
from .choosing import commands

FAMILY = 4
"""Commands with the same first word that share a row of the list."""


@command(
    "help",
    help="Show what you can ask of me",
    options=[Option(name="command", help="one command", choices=commands)],
)
async def help_(call: Call) -> View | str:
    """List what the asker may use, what begins with one word, or explain one command."""
    allowed = [one for one in call.desk.commands() if call.turn.permission >= one.permission]
    wanted = call.options.get("command", "").removeprefix("/").removeprefix(f"{PREFIX} ")
    if not wanted:
        return _listed(_summary(allowed))
    found = next((one for one in allowed if one.name == wanted), None)
    alike = [one for one in allowed if one.name.startswith(f"{wanted} ")]
    if found is None and alike:
        return _listed([(usage(one), one.help) for one in alike])
    if found is None:
        return f"There is no command `/{wanted}`. `/help` lists all of them."
    lines = [
        f"`{usage(found)}`: {found.help}",
        *(f"- {option.name}: {option.help}" for option in found.options),
    ]
    return View(parts=(Text(text="\n".join(lines)),), private=True)


def _summary(allowed: Sequence[Command]) -> Sequence[tuple[str, str]]:
    """Return a row for each command; those of a large family share one, which names them."""
    rows: list[tuple[str, str]] = []
    for word, found in groupby(sorted(allowed, key=lambda one: one.path), key=lambda one: one.path[0]):
        family = list(found)
        if len(family) < FAMILY:
            rows += [(usage(one), one.help) for one in family]
        else:
            names = dict.fromkeys(one.path[1] for one in family if len(one.path) > 1)
            rows.append((f"/{word} …", f"{', '.join(names)}: `/help {word}` explains them"))
    return rows


def _listed(rows: Sequence[tuple[str, str]]) -> View:
    return View(parts=(Table(header=("Command", "What it does"), rows=tuple(rows)),), private=True)
