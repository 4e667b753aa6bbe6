"""``/stop``: end the answer that is being given."""

from __future__ import annotations

from ..command import Call, command


@command("stop", help="Stop the answer that is being given here", control=True)
async def stop(call: Call) -> str:
    """Stop what is being answered in the place, and drop what waits there."""
    stopped = call.desk.stop(call.place)
    return "Stopped." if stopped else "There is nothing to stop here."
