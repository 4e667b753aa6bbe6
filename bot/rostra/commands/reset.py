"""``/reset``: start the conversation of a place afresh."""

from __future__ import annotations

from ..command import Call, command


@command("reset", help="Forget what was said here and start afresh")
async def reset(call: Call) -> str:
    """Forget the history of the place. The record of what was decided stays."""
    forgotten = await call.desk.forget(call.place)
    return (
        "A fresh start: I no longer remember what was said here."
        if forgotten
        else "There was nothing to forget."
    )
