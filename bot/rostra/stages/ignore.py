"""Leave alone what is not for the bot: other bots, and messages with nothing in them."""

from __future__ import annotations

from ..actions import Emit
from ..events import Message
from ..turns import Handler, Turn


def ignore(inner: Handler) -> Handler:
    """Answer people only, and only if they said something."""

    async def handle(turn: Turn, emit: Emit) -> None:
        event = turn.event
        empty = isinstance(event, Message) and not turn.question.strip() and not event.attachments
        if turn.author.kind == "bot" or empty:
            turn.trace.note("ignore", "ignored", empty=empty)
            return
        await inner(turn, emit)

    return handle
