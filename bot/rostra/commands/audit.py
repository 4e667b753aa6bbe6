"""``/audit``: who changed what, and when."""

from __future__ import annotations

from ..command import Call, Option, command
from ..places import Permission
from ..stores import Audited
from ..views import Table, View
from .choosing import one_of

LISTED = 20


@command(
    "audit",
    help="Show who changed what here lately",
    options=[
        Option(name="where", help="'all' for all workspaces; owners only", choices=one_of("here", "all"))
    ],
    permission=Permission.OPERATOR,
    control=True,
)
async def audit(call: Call) -> View | str:
    """List the newest entries of the log of changes about this workspace; owners may ask for all of it."""
    where = call.options.get("where", "here")
    if where not in {"here", "all"}:
        return f"`{where}` is nowhere; write `all`, or nothing for this workspace."
    if where == "all" and call.turn.permission < Permission.OWNER:
        return "Only owners see what was changed in other workspaces."
    found = await call.desk.audited(None if where == "all" else call.place, LISTED)
    if not found:
        return "Nothing was changed here yet."
    rows = tuple(_row(one) for one in found)
    return View(parts=(Table(header=("No.", "When (UTC)", "Who", "What", "About"), rows=rows),), private=True)


def _row(one: Audited) -> tuple[str, ...]:
    facts = ", ".join(f"{name} {value}" for name, value in one.detail.items() if name != "workspace")
    return (str(one.number), f"{one.at:%Y-%m-%d %H:%M}", one.by or "?", one.action, facts or one.subject)
