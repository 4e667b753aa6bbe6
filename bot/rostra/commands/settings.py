"""``/settings``: what holds in a place, and why."""

from __future__ import annotations

from ..command import Call, command
from ..places import Permission
from ..views import Table, Text, View


@command("settings", help="Show what holds here, and why", permission=Permission.OPERATOR, control=True)
async def settings(call: Call) -> View:
    """List the answerer, model, persona and policy of the place, each with what made it so."""
    rows = tuple((one.name, one.value, one.why) for one in await call.desk.holding(call.place))
    level = call.turn.permission.name.lower()
    return View(
        parts=(
            Table(header=("What", "Is", "Because"), rows=rows),
            Text(
                text=f"You are {level} here. `/model` and `/persona` choose for a thread, channel or workspace."
            ),
        ),
        private=True,
    )
