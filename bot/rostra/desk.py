"""The counter that commands are served at: what they may ask of the bot."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from .chat import Answerer
from .command import Command, Commands
from .places import Place
from .stores import Explanation, Store
from .turns import Turn

REMEMBERED = 10_000
"""Places whose choices are kept in memory; the store has all of them."""


class FrontDesk:
    """`rostra.command.Desk` over a store and the questions under way."""

    def __init__(
        self,
        *,
        store: Store,
        answerers: Mapping[str, Answerer],
        personas: Mapping[str, str],
        commands: Commands,
    ) -> None:
        self._store = store
        self._answerers = answerers
        self._personas = personas
        self._commands = commands
        self._chosen: OrderedDict[Place, Mapping[str, str]] = OrderedDict()
        self.stopper: Callable[[Place], int] = lambda _: 0
        """Ends what is under way in a place; set by whoever runs the turns."""

    def commands(self) -> Sequence[Command]:
        return tuple(self._commands)

    def answerers(self) -> Mapping[str, Answerer]:
        return self._answerers

    def personas(self) -> Mapping[str, str]:
        return self._personas

    async def chosen(self, place: Place) -> Mapping[str, str]:
        found = self._chosen.get(place)
        if found is None:
            found = self._chosen[place] = await self._store.choices(place)
            if len(self._chosen) > REMEMBERED:
                self._chosen.popitem(last=False)
        return found

    async def choose(self, turn: Turn, name: str, value: str | None) -> None:
        await self._store.choose(turn.place, name, value)
        self._chosen.pop(turn.place, None)
        # The place of a direct message tells whose it is; the reply leads to it for as long as it is kept.
        detail = {"value": value or "default"}
        await self._store.audit(turn.author, f"choose {name}", turn.reply, detail, adapter=turn.place.adapter)

    def stop(self, place: Place) -> int:
        return self.stopper(place)

    async def forget(self, place: Place) -> int:
        return await self._store.forget(place)

    async def explanation(self, place: Place, reply: str | None) -> Explanation | None:
        return await self._store.explanation(place, reply)
