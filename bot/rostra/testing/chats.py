"""A conversation with a whole bot, question by question: for tests of commands and of what the bot remembers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..actions import Finish, Show
from ..app import App
from ..clock import Clock
from ..command import Command
from ..config import Permissions, Settings
from ..config.settings import Limits
from ..controls import ids
from ..events import Event, Press, Submit
from ..places import Person
from ..protocols import Model, Moderator
from ..stores import Store
from ..views import View
from .clock import ManualClock
from .fakes import ScriptedModel, bot
from .platform import FakePlatform

OPERATOR = "olga"
OWNER = "oskar"
GENEROUS = Limits(per_person_per_minute=10**6, per_place_per_minute=10**6, burst=10**6)


@dataclass(slots=True, kw_only=True)
class Chat:
    """A bot that says everything again, on a platform in memory. ``olga`` is an operator there, ``oskar`` its owner."""

    platform: FakePlatform
    app: App

    async def ask(self, text: str, *, author: str = "ann", channel: str = "general") -> str:
        """Return what is shown as the answer to ``text``; nothing if there is no answer."""
        message = self.platform.message(text, author=author, channel=channel)
        return await self.happen(message)

    def id_of(self, control: str) -> str:
        """Return the id of the newest control that stands for the line ``control``. Raises `LookupError`."""
        for action, _ in reversed(self.platform.calls):
            if isinstance(action, Show | Finish):
                shown = action.view if isinstance(action, Show) else action.buttons
                for id_, part in ids(action.reply, shown):
                    if part.control == control:
                        return id_
        raise LookupError(f"nothing that stands for {control!r} was shown")

    async def press(
        self, control: str, *values: str, author: str = OPERATOR, channel: str = "general"
    ) -> str:
        """Return what is shown when somebody uses the newest control that stands for the line ``control``."""
        return await self.press_id(self.id_of(control), *values, author=author, channel=channel)

    async def press_id(self, id_: str, *values: str, author: str = OPERATOR, channel: str = "general") -> str:
        """Return what is shown when somebody presses what they say is the control with this id."""
        place, at = self.platform.place(channel), datetime(2026, 1, 1, tzinfo=UTC)
        return await self.happen(
            Press(
                id=self._next(),
                place=place,
                author=Person(id=author),
                control=id_,
                values=values,
                sent_at=at,
            )
        )

    async def submit(
        self, control: str, *, author: str = OPERATOR, channel: str = "general", **fields: str
    ) -> str:
        """Return what is shown when somebody sends the newest form that stands for the line ``control``."""
        place, at = self.platform.place(channel), datetime(2026, 1, 1, tzinfo=UTC)
        form = self.id_of(control)
        return await self.happen(
            Submit(
                id=self._next(), place=place, author=Person(id=author), form=form, fields=fields, sent_at=at
            )
        )

    async def operate(self, text: str, *, author: str = OPERATOR) -> str:
        """Return what an operator reads after writing ``text``."""
        return await self.ask(text, author=author)

    async def insist(self, text: str, *, author: str = OPERATOR) -> str:
        """Return what an operator reads after writing ``text``, being asked whether they mean it, and confirming."""
        asked = await self.ask(text, author=author)
        if "Confirm it" not in asked:
            raise LookupError(f"{text!r} was done at once: {asked}")
        return await self.ask("/confirm", author=author)

    @property
    def view(self) -> View:
        """The last view that was shown."""
        return next(action.view for action, _ in reversed(self.platform.calls) if isinstance(action, Show))

    def _next(self) -> str:
        return f"press-{self.platform.message('').id}"

    async def happen(self, event: Event) -> str:
        """Return what is shown as the answer to ``event``."""
        reception = self.app.reception
        await reception.accept(event)
        await reception.drain()
        return "\n".join(self.platform.answers_to(event.id))


@asynccontextmanager
async def chatting(
    *moderators: Moderator,
    policies: Mapping[str, Mapping[str, Any]] | None = None,
    store: Store | None = None,
    clock: Clock | None = None,
    script: Mapping[str, Sequence[str]] | None = None,
    commands: Sequence[Command] = (),
    model: Model | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncGenerator[Chat]:
    """Open a bot with these moderators and policies; it answers whenever it is asked. Time stands still by default.

    ``model`` answers instead of the one with the ``script``; ``settings`` go before those that all of these bots have.
    """
    people = {"operator": [f"fake/*:{OPERATOR}"], "owner": [f"fake/*:{OWNER}"]}
    configured: dict[str, Any] = {
        "policies": {name: dict(table) for name, table in (policies or {}).items()},
        "permissions": Permissions.model_validate(people),
        "limits": GENEROUS,
    }
    platform = FakePlatform()
    async with bot(
        platform,
        model or ScriptedModel(script=script or {}),
        moderators=moderators,
        commands=commands,
        settings=Settings(**{**configured, **(settings or {})}),
        store=store,
        clock=clock or ManualClock(),
    ) as app:
        yield Chat(platform=platform, app=app)
