"""Give the model its system prompt: the persona chosen for the place, else that of the answerer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from ..actions import Emit
from ..places import Place
from ..turns import Handler, Stage, Turn

OfPlace: TypeAlias = Callable[[Place], Awaitable[Mapping[str, str]]]


def speak_as(personas: OfPlace, chosen: OfPlace) -> Stage:
    """Set `Turn.system` from ``personas``, which maps names to system prompts.

    A persona that was chosen and is no longer there gives way to the answerer's.
    """

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            known = await personas(turn.place)
            name = (await chosen(turn.place)).get("persona", "")
            if name not in known:
                name = turn.answerer.persona
            parts = (known.get(name, ""), turn.answerer.prompt)
            system = "\n\n".join(filter(None, parts))
            turn.trace.note("persona", name)
            await inner(replace(turn, system=system) if system else turn, emit)

        return handle

    return stage
