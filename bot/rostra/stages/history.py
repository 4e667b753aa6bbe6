"""Load what was said before; remember a question and what was released to it.

It sits outside of moderation, so that what was refused, or never released, is not remembered.
"""

from __future__ import annotations

from dataclasses import replace

from ..actions import Action, Append, Begin, Emit, Finish, Replace, Retract
from ..stores import Conversations
from ..turns import Handler, Stage, Turn


def remember(conversations: Conversations, *, utterances: int = 40) -> Stage:
    """Give the inner handler the last ``utterances`` of the place, and keep what it answers."""

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            released = ""

            async def heard(action: Action) -> None:
                nonlocal released
                match action:
                    case Begin(text=text) | Replace(text=text):
                        released = text
                    case Append(text=text):
                        released += text
                    case Finish(text=text, ending=ending):
                        released = ""
                        if ending != "content_filter":
                            conversations.remember(turn.event, turn.reply, turn.question, text)
                    case Retract():
                        released = ""
                    case _:
                        pass
                await emit(action)

            history = tuple(await conversations.recall(turn.place, utterances))
            try:
                await inner(replace(turn, history=history), heard)
            finally:
                if released:  # broken off: what people saw of it is part of the conversation
                    conversations.remember(turn.event, turn.reply, turn.question, released)

        return handle

    return stage
