"""Let people see that an answer is being made, where it does not come at once."""

from __future__ import annotations

import asyncio

from ..actions import Action, Emit, Typing
from ..clock import Clock
from ..eager import Begun
from ..turns import Handler, Stage, Turn

AFTER = 0.5
"""Seconds before the first signal: an answer that comes sooner needs none, and a signal is a call to the platform."""

EVERY = 8.0
"""Seconds between two signals. Discord's lasts ten (https://discord.com/developers/docs/resources/channel)."""


def presence(clock: Clock) -> Stage:
    """Emit `Typing` after half a second without text and every few seconds then, on platforms that can show it."""

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            if not turn.capabilities.typing:
                await inner(turn, emit)
                return

            said = False
            signals: asyncio.Future[None] | None = None

            async def signal() -> None:
                await clock.sleep(AFTER)
                while True:
                    await emit(Typing(reply=turn.reply))
                    await clock.sleep(EVERY)

            async def quietly(action: Action) -> None:
                nonlocal said
                said = True
                if signals is not None:
                    signals.cancel()
                await emit(action)

            begun = Begun(inner(turn, quietly))
            if begun.over or said:  # there is something to see, or nothing to wait for
                await begun.rest()
                return
            signals = asyncio.ensure_future(signal())
            try:
                await begun.rest()
            finally:
                signals.cancel()
                await asyncio.wait([signals])

        return handle

    return stage
