"""What the bot says: actions become messages, each changed only where it differs from what is shown."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import assert_never

import discord

from rostra.actions import Action, Address, Append, Begin, Finish, Receipt, Replace, Retract, Show, Typing
from rostra.clock import Clock
from rostra.errors import AdapterError, Rejected
from rostra.views import View, as_text

from ..budget import Budget
from .doors import Door
from .drafts import Draft
from .drawing import buttons_under, drawn
from .entrances import Entrances
from .failures import Gone, TokenOver
from .headers import purse
from .memory import Memory
from .pieces import PENDING, finished, growing
from .settings import DiscordSettings

REPLIES = 5_000
"""Replies whose shown messages are remembered, to change only what differs; others are written anew in full."""

NO_WHISPER = (
    "That is for your eyes only, and I cannot send you a direct message. Use the slash command instead."
)


@dataclass(slots=True)
class _Shown:
    """The messages of a reply: their ids, what was last put into each, and the text they grew to; None if not known."""

    ids: list[str] = field(default_factory=list[str])
    drafts: list[Draft | None] = field(default_factory=list["Draft | None"])
    text: str | None = None

    def cut(self, number: int) -> None:
        del self.ids[number:], self.drafts[number:]


class Voice:
    """Performs actions. One for each adapter; ``client`` gives the client that is logged in."""

    def __init__(self, settings: DiscordSettings, clock: Clock, memory: Memory, budget: Budget) -> None:
        self._settings = settings
        self._memory = memory
        self._budget = budget
        self._entrances = Entrances(settings, clock)
        self._replies: OrderedDict[str, _Shown] = OrderedDict()

    async def perform(self, client: discord.Client, address: Address, action: Action, key: str) -> Receipt:
        """Do one thing. Raises `AdapterError`."""
        if isinstance(action, Typing):
            await self._entrances.typing(client, address)
            return Receipt(shown=address.shown)
        try:
            try:
                receipt = await self._do(client, address, action, key)
            except TokenOver:
                self._entrances.is_over(address)
                receipt = await self._do(client, address, action, key)
        except AdapterError as error:
            if error.retry_after is not None:
                self._budget.cool_off(self._entrances.channel(address), error.retry_after)
            raise
        self._memory.keep(address.place, (one for one in receipt.shown if one.isdigit()))
        return receipt

    async def _do(self, client: discord.Client, address: Address, action: Action, key: str) -> Receipt:
        match action:
            case Begin(text=text) | Replace(text=text):
                return await self._grow(client, address, text, key)
            case Finish(text=text, buttons=buttons):
                drafts = buttons_under(finished(text, self._settings.most_messages), action.reply, buttons)
                return await self._write(client, address, drafts, key)
            case Retract(text=text):
                return await self._write(client, address, finished(text, self._settings.most_messages), key)
            case Show(view=view):
                return await self._show(client, address, action.reply, view, key)
            case Append() | Typing():
                raise Rejected(f"{type(action).__name__} is not among the adapter's capabilities")
            case _:
                assert_never(action)

    async def _grow(self, client: discord.Client, address: Address, text: str, key: str) -> Receipt:
        shown = self._shown(address, key)
        more = bool(shown.ids) and shown.text is not None and text.startswith(shown.text)
        if more and not self._budget.affords(self._entrances.channel(address)):
            return Receipt(shown=tuple(shown.ids))  # the next change shows it as well
        drafts = growing(text, self._settings.most_messages) or [Draft(content=PENDING)]
        receipt = await self._write(client, address, drafts, key, paid=more)
        shown.text = text
        return receipt

    async def _show(
        self, client: discord.Client, address: Address, reply: str, view: View, key: str
    ) -> Receipt:
        door = self._entrances.in_place(client, address) if view.in_place else None
        if door is not None:
            draft = drawn(view, reply, layout=address.extra.get("layout") == "1")
            if len(draft) == 1:
                await door.edit(address.extra["message"], draft[0], only_text=False)
                return Receipt(shown=(address.extra["message"],))
        if view.private and not self._entrances.can_whisper(address):
            # No control works in another channel than the one it was shown for.
            drafts = finished(as_text(view), self._settings.most_messages)
            try:
                return await self._write(client, address, drafts, key, private=True)
            except Rejected:  # whoever asked takes no direct messages
                return await self._write(client, address, [Draft(content=NO_WHISPER)], key)
        return await self._write(client, address, drawn(view, reply), key, private=view.private)

    async def _write(
        self,
        client: discord.Client,
        address: Address,
        drafts: Sequence[Draft],
        key: str,
        *,
        private: bool = False,
        paid: bool = False,
    ) -> Receipt:
        """Make the messages of the reply what ``drafts`` say, from the first to the last."""
        shown = self._shown(address, key)
        door = await self._entrances.door(client, address, private=private)
        if not drafts and not shown.ids:
            await self._entrances.nothing_to_say(client, address)
        for number, draft in enumerate(drafts):
            if number == len(shown.ids):
                await self._budget.opened(purse(self._entrances.channel(address), sends=True))
                shown.ids.append(await door.send(draft, f"{key}:{number}"))
                shown.drafts.append(draft)
            elif shown.drafts[number] != draft:
                if not paid:
                    await self._budget.spend(self._entrances.channel(address))
                paid = False
                await self._edit(door, shown, number, draft)
        while len(shown.ids) > len(drafts):
            await _unless_gone(door.delete, shown.ids[-1])
            shown.cut(len(shown.ids) - 1)
        return Receipt(shown=tuple(shown.ids))

    async def _edit(self, door: Door, shown: _Shown, number: int, draft: Draft) -> None:
        before = shown.drafts[number]
        only_text = draft.plain and before is not None and before.plain

        async def edit(message: str) -> None:
            await door.edit(message, draft, only_text=only_text)

        # A message that somebody deleted stays deleted: that was meant.
        await _unless_gone(edit, shown.ids[number])
        shown.drafts[number] = draft

    def _shown(self, address: Address, key: str) -> _Shown:
        found = self._replies.get(key)
        if found is None or (address.shown and not found.ids):
            found = self._replies[key] = _Shown(ids=list(address.shown), drafts=[None] * len(address.shown))
        self._replies.move_to_end(key)
        if len(self._replies) > REPLIES:
            self._replies.popitem(last=False)
        return found


async def _unless_gone(do: Callable[[str], Awaitable[None]], message: str) -> None:
    with suppress(Gone):
        await do(message)
