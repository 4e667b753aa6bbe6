"""What people do without writing a message: commands, context menus, buttons, choices and forms.

Discord wants an answer within 3 seconds, or the interaction has failed. So each is first acknowledged, and then stored;
only to know whether a button opens a form is its view looked up before, for a bounded time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import discord
import structlog

from rostra.clock import Clock
from rostra.controls import Control, Controls
from rostra.errors import AdapterError, RostraError
from rostra.events import Attachment, Event, Invocation, Message, Press, Submit
from rostra.places import Place
from rostra.views import Ballot, Choices, Form

from .attachments import Reading, attached
from .ears import Ears
from .entrances import extra_of
from .failures import Acknowledged, as_ours
from .heard import Spot, allowed, person, place, spot
from .items import LETTERS
from .modals import filled, modal, named, points
from .walk import conversation, latest

log = structlog.get_logger(__name__)

LOOKING = 1.5
"""Seconds for finding out what was pressed, before it must be acknowledged: half of what Discord gives."""

SEARCHING = 5.0
"""Seconds for finding out which conversation a command is about."""

NOT_HERE = "I am not at work in this channel."
NOT_KEPT = "I could not take that down; please try again in a moment."


class Hands:
    """Acknowledges interactions and makes events of them."""

    def __init__(self, ears: Ears, controls: Controls | None) -> None:
        self._ears = ears
        self._controls = controls
        self._settings = ears.settings
        self._clock: Clock = ears.clock

    async def command(
        self,
        interaction: discord.Interaction,
        path: Sequence[str],
        options: Mapping[str, str],
        about: discord.Message | None = None,
    ) -> None:
        """Take a command; ``about`` is the message that it was used on."""
        quiet = self._settings.quiet_commands
        response = await self._begun(interaction, private=quiet)
        if not response:
            return
        where = _spot(interaction)
        given = {**options, "message": str(about.id)} if about is not None else dict(options)
        event = Invocation(
            id=str(interaction.id),
            place=await self._place(interaction, where, about),
            author=person(interaction.user),
            path=tuple(path),
            options=given,
            sent_at=interaction.created_at,
            extra=self._extra(interaction, thinking=response, private=quiet),
        )
        await self._take(interaction, event)

    async def ask(
        self, interaction: discord.Interaction, question: str, file: discord.Attachment | None
    ) -> None:
        """Take a question that was asked by a command: it begins a conversation, as a mention does."""
        response = await self._begun(interaction, private=False)
        if not response:
            return
        where = _spot(interaction)
        reading = Reading(most=self._settings.attachments, size=self._settings.attachment_bytes)
        read: tuple[Attachment, ...] = ()
        if file is not None:
            read = await attached([file], reading, self._clock)
        event = Message(
            id=str(interaction.id),
            place=place(where, self._ears.name, response),
            author=person(interaction.user),
            text=question,
            sent_at=interaction.created_at,
            attachments=read,
            extra=self._extra(interaction, thinking=response),
        )
        if event.place.thread is not None:
            self._ears.memory.chains.talks(where.id, event.author.id, event.place.thread)
        self._ears.memory.keep(event.place, [event.id, response])
        await self._take(interaction, event)

    async def press(self, interaction: discord.Interaction, id_: str, slot: int | None) -> None:
        """Take what was pressed or picked in part ``slot`` of a control."""
        where = _spot(interaction)
        found = await self._find(self._place_of(interaction, where), id_, interaction)
        if isinstance(found, Form):
            await self._open(interaction, modal(found, id_))
            return
        if isinstance(found, Ballot) and found.scales and slot is not None and slot < len(found.answers):
            await self._open(interaction, points(found, slot, id_))
            return
        if not await self._updating(interaction):
            return
        event = Press(
            id=str(interaction.id),
            place=self._place_of(interaction, where),
            author=person(interaction.user),
            control=id_,
            values=_values(found, interaction, slot),
            sent_at=interaction.created_at,
            extra=self._extra(interaction),
        )
        await self._take(interaction, event)

    async def submit(self, interaction: discord.Interaction, id_: str) -> None:
        """Take a form that was sent."""
        if not await self._updating(interaction):
            return
        where = _spot(interaction)
        found = await self._find(self._place_of(interaction, where), id_, interaction)
        event = Submit(
            id=str(interaction.id),
            place=self._place_of(interaction, where),
            author=person(interaction.user),
            form=id_,
            fields=named(found, filled(interaction)),
            sent_at=interaction.created_at,
            extra=self._extra(interaction),
        )
        await self._take(interaction, event)

    async def _begun(self, interaction: discord.Interaction, *, private: bool) -> str:
        """Say that the bot is thinking. Return the id of the message that says so; empty if there is nothing to do."""
        if not allowed(_spot(interaction), self._settings):
            await self._say(interaction, NOT_HERE)
            return ""
        try:
            with as_ours("acknowledging"):
                response = await interaction.response.defer(ephemeral=private, thinking=True)
                if response is not None and response.message_id is not None:
                    return str(response.message_id)
        except AdapterError as error:
            if not self._repeated(error):
                return ""
        try:
            with as_ours("reading the first response"):
                return str((await interaction.original_response()).id)
        except AdapterError as error:
            log.warning("first response not found", adapter=self._ears.name, error=str(error))
            return ""

    async def _updating(self, interaction: discord.Interaction) -> bool:
        """Acknowledge what was done to a message, without a message of its own."""
        if not allowed(_spot(interaction), self._settings):
            await self._say(interaction, NOT_HERE)
            return False
        try:
            with as_ours("acknowledging"):
                await interaction.response.defer()
        except AdapterError as error:
            return self._repeated(error)
        return True

    def _repeated(self, error: AdapterError) -> bool:
        """Return whether the interaction was acknowledged before: Discord repeats it, and its id tells that later."""
        if isinstance(error, Acknowledged):
            return True
        log.warning("not acknowledged", adapter=self._ears.name, error=str(error))
        return False

    async def _open(self, interaction: discord.Interaction, form: discord.ui.Modal) -> None:
        try:
            with as_ours("opening a form"):
                await interaction.response.send_modal(form)
        except AdapterError as error:
            log.warning("form not opened", adapter=self._ears.name, error=str(error))

    async def _say(self, interaction: discord.Interaction, text: str) -> None:
        try:
            with as_ours("answering"):
                if interaction.response.is_done():
                    await interaction.followup.send(text, ephemeral=True)
                else:
                    await interaction.response.send_message(text, ephemeral=True)
        except AdapterError as error:
            log.info("not said", adapter=self._ears.name, error=str(error))

    async def _take(self, interaction: discord.Interaction, event: Event) -> None:
        if await self._ears.take(event) is None:
            await self._say(interaction, NOT_KEPT)

    async def _find(self, where: Place, id_: str, interaction: discord.Interaction) -> Control | None:
        if self._controls is None:
            return None
        try:
            async with self._clock.timeout(LOOKING):
                return await self._controls.find(where, id_, by=person(interaction.user))
        except (TimeoutError, RostraError) as error:
            log.warning("control not found in time", adapter=self._ears.name, error=type(error).__name__)
            return None

    async def _place(
        self, interaction: discord.Interaction, where: Spot, about: discord.Message | None
    ) -> Place:
        """Return the conversation that a command is about: that of the message, or the latest of whoever uses it."""
        me = interaction.client.user
        if where.direct or where.thread or me is None:
            return place(where, self._ears.name)
        chains = self._ears.memory.chains
        try:
            async with self._clock.timeout(SEARCHING):
                if about is not None:
                    return place(where, self._ears.name, await conversation(about, me.id, chains))
                root = chains.latest(where.id, str(interaction.user.id))
                if root is None and isinstance(interaction.channel, discord.abc.Messageable):
                    root = await latest(interaction.channel, interaction.user.id, me.id, chains)
        except TimeoutError:
            root = None
        if root is not None:
            chains.talks(where.id, str(interaction.user.id), root)
        return place(where, self._ears.name, root)

    def _place_of(self, interaction: discord.Interaction, where: Spot) -> Place:
        """Return the place of the message whose control was used."""
        message = interaction.message
        known = self._ears.memory.place_of(str(message.id)) if message is not None else None
        return known or place(where, self._ears.name)

    def _extra(
        self, interaction: discord.Interaction, *, thinking: str = "", private: bool = False
    ) -> Mapping[str, str]:
        extra = dict(extra_of(interaction, self._clock.now()))
        message = interaction.message
        if thinking:
            extra["thinking"] = thinking
        if message is not None:
            extra["message"] = str(message.id)
            private = private or message.flags.ephemeral
            if message.flags.components_v2:
                extra["layout"] = "1"
        if private:
            extra["private"] = "1"
        return extra


def _spot(interaction: discord.Interaction) -> Spot:
    return spot(interaction.channel, interaction.guild_id)


def _values(found: Control | None, interaction: discord.Interaction, slot: int | None) -> tuple[str, ...]:
    """Return what was picked: Discord tells numbers, the control says what they stand for."""
    if isinstance(found, Ballot) and slot is not None and slot < len(found.answers):
        return (LETTERS[slot],)
    if not isinstance(found, Choices):
        return ()
    data = cast("Mapping[str, Any]", interaction.data or {})
    numbers = [int(one) for one in map(str, data.get("values", ())) if one.isdigit()]
    return tuple(found.choices[number].value for number in numbers if number < len(found.choices))
