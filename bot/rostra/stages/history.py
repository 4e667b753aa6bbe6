"""Load what was said before; remember a question and what was released to it.

It sits outside of moderation, so that what was refused, or never released, is not remembered.
"""

from __future__ import annotations

from dataclasses import replace

from ..actions import Action, Append, Begin, Emit, Finish, Replace, Retract
from ..chat import Utterance
from ..prompts import RECALLED
from ..stores import Conversations
from ..turns import Handler, Stage, Turn


def remember(conversations: Conversations, *, utterances: int = RECALLED, summarised: bool = False) -> Stage:
    """Give the inner handler the last ``utterances`` of the place, and keep what it answers.

    ``summarised``: give it what stands for those before, too.
    """

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

            said = await conversations.recall(turn.place, utterances)
            summary = await conversations.summary(turn.place) if summarised else None
            recalled = turn
            if said or summary is not None:
                recalled = replace(
                    turn,
                    history=tuple(Utterance(role=one.role, text=one.text) for one in said),
                    replies=tuple(one.reply for one in said),
                    summary="" if summary is None else summary.text,
                )
            try:
                await inner(recalled, heard)
            finally:
                if released:  # broken off: what people saw of it is part of the conversation
                    conversations.remember(turn.event, turn.reply, turn.question, released)

        return handle

    return stage
