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
            released = _Released(conversations, turn, emit)
            said = await conversations.recall(turn.place, utterances)
            summary = await conversations.summary(turn.place) if summarised else None
            recalled = turn if summary is None else replace(turn, summary=summary.text)
            if said:
                recalled = replace(
                    recalled,
                    history=tuple(Utterance(role=one.role, text=one.text) for one in said),
                    replies=tuple(one.reply for one in said),
                )
            try:
                await inner(recalled, released.take)
            finally:
                released.close()

        return handle

    return stage


class _Released:
    """Passes on what is released, and remembers it with the question."""

    __slots__ = ("_conversations", "_emit", "_text", "_turn")

    def __init__(self, conversations: Conversations, turn: Turn, emit: Emit) -> None:
        self._conversations = conversations
        self._turn = turn
        self._emit = emit
        self._text = ""

    async def take(self, action: Action) -> None:
        if isinstance(action, Finish):
            self._text = ""
            if action.ending != "content_filter":
                self._remember(action.text)
        elif isinstance(action, Begin | Replace):
            self._text = action.text
        elif isinstance(action, Append):
            self._text += action.text
        elif isinstance(action, Retract):
            self._text = ""
        await self._emit(action)

    def close(self) -> None:
        """Remember what people saw of an answer that was broken off: it is part of the conversation."""
        if self._text:
            self._remember(self._text)

    def _remember(self, text: str) -> None:
        turn = self._turn
        self._conversations.remember(turn.event, turn.reply, turn.question, text)
