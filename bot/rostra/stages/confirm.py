"""Dangerous commands wait until whoever asked for them confirms: once, within five minutes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import timedelta

from ..actions import Show
from ..clock import Clock
from ..places import Place
from ..stores import Entry, Ledger
from ..turns import Turn
from ..views import Button, Buttons, Text, View

WITHIN = timedelta(minutes=5)
REMEMBERED = 10_000
"""Requests that are known by heart; the store has all of them."""

NOTHING = "Nothing waits to be confirmed: a request holds for five minutes, once, for whoever made it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmations:
    """What waits for a yes.

    What was asked stands in the store, as the reply whose buttons ask for it, so that a yes after a restart counts. Once
    it was taken, the stored reply has its buttons no more.
    """

    ledger: Ledger
    clock: Clock
    _newest: OrderedDict[tuple[Place, str], str] = field(
        init=False, default_factory=OrderedDict[tuple[Place, str], str]
    )
    _taken: OrderedDict[str, None] = field(init=False, default_factory=OrderedDict[str, None])

    def ask(self, turn: Turn, written: str, danger: str) -> View:
        """Return what asks whoever the turn belongs to whether ``written`` is to be done, which does ``danger``."""
        self._newest[turn.place, turn.author.id] = turn.reply
        if len(self._newest) > REMEMBERED:
            self._newest.popitem(last=False)
        question = f"`{written}` {danger} Confirm it, or write `/confirm`, within five minutes."
        buttons = (
            Button(control=_confirm(turn.reply), label="Confirm", style="danger"),
            Button(control=f"/cancel {turn.reply}", label="Cancel"),
        )
        return View(parts=(Text(text=question), Buttons(buttons=buttons)), private=True)

    async def take(self, turn: Turn, request: str) -> Entry | None:
        """Return what was asked in the reply ``request`` (empty: what the author was asked last in the place), once.

        None if there is no such thing, it was somebody else's, somewhere else, too long ago, or taken. Raises `StoreError`.
        """
        request = request or self._newest.get((turn.place, turn.author.id), "")
        entry = await self.ledger.entry(request) if request else None
        if entry is None or not self._holds(turn, entry) or request in self._taken:
            return None
        self._taken[request] = None
        if len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        self._newest.pop((turn.place, turn.author.id), None)
        action = entry.reply.action
        if isinstance(action, Show) and entry.reply.done:
            rest = tuple(part for part in action.view.parts if not isinstance(part, Buttons))
            spent = replace(action, view=replace(action.view, parts=rest))
            await self.ledger.advance(replace(entry.reply, action=spent, number=entry.reply.number + 1))
        return entry

    def _holds(self, turn: Turn, entry: Entry) -> bool:
        author, place, action = entry.event.author, entry.event.place, entry.reply.action
        return (
            author is not None
            and author.id == turn.author.id
            and (place.adapter, place.workspace, place.channel)
            == (turn.place.adapter, turn.place.workspace, turn.place.channel)
            and timedelta() <= self.clock.now() - entry.received_at <= WITHIN
            and isinstance(action, Show)
            and any(
                button.control == _confirm(entry.reply.id)
                for part in action.view.parts
                if isinstance(part, Buttons)
                for button in part.buttons
            )
        )


def _confirm(reply: str) -> str:
    return f"/confirm {reply}"
