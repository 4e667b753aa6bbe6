"""Let people see that an answer is being made, until its first text is there."""

from __future__ import annotations

import asyncio

from ..actions import Action, Emit, Typing
from ..clock import Clock
from ..turns import Handler, Stage, Turn

EVERY = 8.0
"""Seconds between two signals. Discord's lasts ten (https://discord.com/developers/docs/resources/channel)."""


def presence(clock: Clock) -> Stage:
    """Emit `Typing` at once and every few seconds, on platforms that can show it."""

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            if not turn.capabilities.typing:
                await inner(turn, emit)
                return

            async def signal() -> None:
                while True:
                    await emit(Typing(reply=turn.reply))
                    await clock.sleep(EVERY)

            signals = asyncio.ensure_future(signal())

            async def quietly(action: Action) -> None:
                signals.cancel()
                await emit(action)

            try:
                await inner(turn, quietly)
            finally:
                signals.cancel()
                await asyncio.gather(signals, return_exceptions=True)

        return handle

    return stage
