"""Buttons under an answer, to say that it is good or not: for answers that were given in full, where there are buttons."""

from __future__ import annotations

from dataclasses import replace

from ..actions import Action, Emit, Finish
from ..events import Message
from ..turns import Handler, Turn
from ..views import Button

GIVEN = frozenset({"stop", "length"})
"""Endings of answers; a refusal, or what a person stopped, is not asked about."""


def thumbs(inner: Handler) -> Handler:
    """Put both thumbs under what `inner` answers to a message."""

    async def handle(turn: Turn, emit: Emit) -> None:
        if not turn.capabilities.buttons or not isinstance(turn.event, Message):
            await inner(turn, emit)
            return

        async def heard(action: Action) -> None:
            if isinstance(action, Finish) and action.ending in GIVEN and action.text:
                action = replace(action, buttons=(*action.buttons, *_buttons(turn.reply)))
            await emit(action)

        await inner(turn, heard)

    return handle


def _buttons(reply: str) -> tuple[Button, Button]:
    return (
        Button(control=f"/rank thumb good {reply}", label="Good", style="good"),
        Button(control=f"/rank thumb bad {reply}", label="Bad", style="bad"),
    )
