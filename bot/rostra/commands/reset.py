"""``/reset``: start the conversation of a place afresh."""

from __future__ import annotations

from ..command import Call, command


async def _for_all(call: Call) -> str:
    """Say so where others than whoever asks may have said what is forgotten."""
    shared = bool(call.place.workspace) and call.place.thread is None
    return "makes me forget what everybody said in this channel." if shared else ""


@command("reset", help="Forget what was said here and start afresh", dangerous=_for_all)
async def reset(call: Call) -> str:
    """Forget the history of the place. The record of what was decided stays."""
    forgotten = await call.desk.forget(call.place)
    return (
        "A fresh start: I no longer remember what was said here."
        if forgotten
        else "There was nothing to forget."
    )
