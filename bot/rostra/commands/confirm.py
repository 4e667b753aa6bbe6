"""``/confirm`` and ``/cancel``: yes or no to what the bot was asked to do and wants to be sure about."""

from __future__ import annotations

from ..command import Call, Command, Option, command
from ..views import View

REQUEST = Option(name="request", help="which one; by default, the last thing you were asked here")


@command("confirm", help="Do what you were asked to confirm", options=[REQUEST], control=True)
async def confirm(call: Call) -> View | str:
    """Do what waits for it."""
    return await call.desk.confirm(call, call.options.get("request", ""))


@command("cancel", help="Do not do what you were asked to confirm", options=[REQUEST], control=True)
async def cancel(call: Call) -> View | str:
    """Drop it."""
    return await call.desk.cancel(call, call.options.get("request", ""))


commands: tuple[Command, ...] = (confirm, cancel)
