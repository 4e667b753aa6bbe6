"""What the gateway brings: messages, edits, deletions and reactions, handed on in the order of their channel."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TypeAlias

import discord
import structlog

from rostra.clock import Clock
from rostra.errors import StoreError
from rostra.events import Attachment, Deleted, Edited, Event, Message, Reaction
from rostra.places import Person
from rostra.protocols import Accept, Accepted, Duplicate

from .attachments import Reading, attached, forwarded, quoted
from .heard import Spot, addressed, allowed, listened, person, place, question, spot
from .memory import Memory
from .settings import DiscordSettings
from .walk import answers, conversation

log = structlog.get_logger(__name__)

TRIES = 8
"""How often an event is offered to a store that refuses it: Discord will not bring it again."""

FIRST_WAIT = 0.25

REACTIONS = 10_000
"""Reactions whose last change is remembered, so that one that Discord repeats keeps its id."""

_Toggle: TypeAlias = tuple[str, str, str]


class _Turns:
    """Those who take turns in a channel, one at a time; it is forgotten with the last of them."""

    __slots__ = ("_all", "_channel", "_lock", "_users")

    def __init__(self, every: dict[str, _Turns], channel: str) -> None:
        self._all = every
        self._channel = channel
        self._lock = asyncio.Lock()
        self._users = 0

    async def __aenter__(self) -> None:
        self._users += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._left()
            raise

    async def __aexit__(self, *error: object) -> None:
        self._lock.release()
        self._left()

    def _left(self) -> None:
        self._users -= 1
        if not self._users:
            del self._all[self._channel]


class Ears:
    """Makes events of what discord.py dispatches, and offers them to the bot until it has taken them."""

    def __init__(self, name: str, settings: DiscordSettings, clock: Clock, memory: Memory) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock
        self.memory = memory
        self.accept: Accept | None = None
        """Where events go; None while the bot does not run."""
        self._turns: dict[str, _Turns] = {}
        self._reactions: OrderedDict[_Toggle, tuple[bool, str]] = OrderedDict()

    async def take(self, event: Event) -> Accepted | Duplicate | None:
        """Offer ``event`` until it is stored. Return None if it is given up."""
        for attempt in range(TRIES):
            if self.accept is None:
                break
            try:
                return await self.accept(event)
            except StoreError as error:
                log.warning(
                    "event not stored", adapter=self.name, kind=type(event).__name__, error=str(error)
                )
                await self.clock.sleep(FIRST_WAIT * 2**attempt)
        log.error("event given up", adapter=self.name, kind=type(event).__name__)
        return None

    def in_turn(self, channel: str) -> _Turns:
        """Let what came first through ``channel`` be first: reading an attachment takes time."""
        found = self._turns.get(channel)
        if found is None:
            found = self._turns[channel] = _Turns(self._turns, channel)
        return found

    async def message(self, said: discord.Message, me: int) -> None:
        """Pass on a message that is for the bot."""
        where = spot(said.channel, said.guild.id if said.guild else None)
        if not self._for_me(said, where, me):
            return
        async with self.in_turn(where.id):
            event = await self._message(said, where, me)
            self.memory.keep(event.place, [event.id])
            if event.place.thread is not None:
                self.memory.chains.talks(where.id, event.author.id, event.place.thread)
            await self.take(event)

    async def edited(self, change: discord.RawMessageUpdateEvent, me: int) -> None:
        """Pass on that a question was changed."""
        where, said = self.memory.place_of(str(change.message_id)), change.message
        if where is None or said.author.id == me or said.edited_at is None:
            return  # Discord also says "updated" when it has added a preview
        event = Edited(
            id=f"{said.id}:edited:{said.edited_at.timestamp():.6f}",
            place=where,
            author=person(said.author),
            target=str(said.id),
            text=question(said, me),
            sent_at=said.edited_at,
            extra={"channel": str(change.channel_id)},
        )
        async with self.in_turn(str(change.channel_id)):
            await self.take(event)

    async def deleted(self, channel: int, messages: set[int]) -> None:
        """Pass on that messages are gone."""
        async with self.in_turn(str(channel)):
            for message in sorted(messages):
                where = self.memory.place_of(str(message))
                if where is not None:
                    self.memory.forget(str(message))
                    await self.take(
                        Deleted(
                            id=f"{message}:deleted",
                            place=where,
                            target=str(message),
                            sent_at=self.clock.now(),
                            extra={"channel": str(channel)},
                        )
                    )

    async def reaction(self, change: discord.RawReactionActionEvent, me: int) -> None:
        """Pass on that somebody reacted to a message of the bot's conversations, or took it back."""
        where = self.memory.place_of(str(change.message_id))
        if where is None or change.user_id == me:
            return
        added = change.event_type == "REACTION_ADD"
        emoji, who = str(change.emoji), str(change.user_id)
        event = Reaction(
            id=self._reaction_id((str(change.message_id), who, emoji), added=added),
            place=where,
            author=person(change.member) if change.member is not None else Person(id=who),
            target=str(change.message_id),
            emoji=emoji,
            added=added,
            sent_at=self.clock.now(),
            extra={"channel": str(change.channel_id)},
        )
        async with self.in_turn(str(change.channel_id)):
            await self.take(event)

    def _reaction_id(self, toggle: _Toggle, *, added: bool) -> str:
        # Reactions have no id of their own. One that changes nothing is Discord repeating itself after a RESUME.
        last = self._reactions.get(toggle)
        if last is not None and last[0] is added:
            return last[1]
        sign = "+" if added else "-"
        id_ = f"{toggle[0]}:{toggle[1]}:{sign}{toggle[2]}:{self.clock.now().timestamp():.6f}"
        self._reactions[toggle] = added, id_
        self._reactions.move_to_end(toggle)
        if len(self._reactions) > REACTIONS:
            self._reactions.popitem(last=False)
        return id_

    def _for_me(self, said: discord.Message, where: Spot, me: int) -> bool:
        ordinary = said.type in {discord.MessageType.default, discord.MessageType.reply}
        if said.author.id == me or not ordinary or not allowed(where, self.settings):
            return False
        if where.direct or addressed(said, me):
            return True
        if said.author.bot:
            return False
        if listened(where, self.settings):
            return True
        about = said.reference.resolved if said.reference else None
        return bool(said.content) and isinstance(about, discord.Message) and about.author.id == me

    async def _message(self, said: discord.Message, where: Spot, me: int) -> Message:
        root = None
        if not (where.direct or where.thread or listened(where, self.settings)):
            root = await conversation(said, me, self.memory.chains)
        reading = Reading(most=self.settings.attachments, size=self.settings.attachment_bytes)
        files = [*said.attachments, *(file for shot in said.message_snapshots for file in shot.attachments)]
        return Message(
            id=str(said.id),
            place=place(where, self.name, root),
            author=person(said.author),
            text=question(said, me),
            sent_at=said.created_at,
            reply_to=answers(said),
            attachments=(
                *self._context(said, me),
                *forwarded(said),
                *await attached(files, reading, self.clock),
            ),
            extra={"channel": where.id, "author": str(said.author.id)},
        )

    def _context(self, said: discord.Message, me: int) -> tuple[Attachment, ...]:
        """Return what somebody else wrote, if that is what the bot is asked about."""
        about = said.reference.resolved if said.reference else None
        if not isinstance(about, discord.Message) or about.author.id == me or not about.content:
            return ()
        known = self.memory.place_of(str(about.id)) is not None
        return () if known else (quoted("the message replied to", question(about, me)),)
