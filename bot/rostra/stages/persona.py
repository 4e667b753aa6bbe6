"""Give the model its system prompt: the persona chosen for the place, else that of the answerer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from ..actions import Emit
from ..places import Place
from ..turns import Handler, Stage, Turn

Chosen: TypeAlias = Callable[[Place], Awaitable[Mapping[str, str]]]


def speak_as(personas: Mapping[str, str], chosen: Chosen) -> Stage:
    """Set `Turn.system` from ``personas``, which maps names to system prompts."""

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            name = (await chosen(turn.place)).get("persona", turn.answerer.persona)
            parts = (personas.get(name, ""), turn.answerer.prompt)
            system = "\n\n".join(filter(None, parts))
            turn.trace.note("persona", name)
            await inner(replace(turn, system=system), emit)

        return handle

    return stage
