"""A conversation with a whole bot, question by question: for tests of commands and of what the bot remembers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..actions import Show
from ..app import App
from ..clock import Clock
from ..config import Permissions, Settings
from ..config.settings import Limits
from ..events import Press
from ..places import Person
from ..protocols import Moderator
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
        return await self._answer(message)

    async def press(self, control: str, *, author: str = OPERATOR) -> str:
        """Return what is shown when somebody presses a button."""
        self.platform.message("")
        event = Press(
            id=f"press-{len(self.platform.calls)}",
            place=self.platform.place(),
            author=Person(id=author),
            control=control,
            sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        return await self._answer(event)

    async def operate(self, text: str, *, author: str = OPERATOR) -> str:
        """Return what an operator reads after writing ``text``."""
        return await self.ask(text, author=author)

    @property
    def view(self) -> View:
        """The last view that was shown."""
        return next(action.view for action, _ in reversed(self.platform.calls) if isinstance(action, Show))

    async def _answer(self, event: Any) -> str:
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
) -> AsyncGenerator[Chat]:
    """Open a bot with these moderators and policies; it answers whenever it is asked. Time stands still by default."""
    settings = Settings(
        policies={name: dict(table) for name, table in (policies or {}).items()},
        permissions=Permissions.model_validate(
            {"operator": [f"fake/*:{OPERATOR}"], "owner": [f"fake/*:{OWNER}"]}
        ),
        limits=GENEROUS,
    )
    platform = FakePlatform()
    async with bot(
        platform,
        ScriptedModel(script=script or {}),
        moderators=moderators,
        settings=settings,
        store=store,
        clock=clock or ManualClock(),
    ) as app:
        yield Chat(platform=platform, app=app)
