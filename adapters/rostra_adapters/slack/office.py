"""What all parts of the adapter share: its settings, the way to Slack, who is who there, and what the core lends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rostra.command import Commands
from rostra.components import Services
from rostra.controls import Control
from rostra.events import Attachment
from rostra.places import Permission, Person, Place

from . import files
from .memory import Memory
from .people import People
from .settings import SlackSettings
from .showing import Poster
from .teams import Teams
from .threads import Threads
from .web import Line, Team


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Office:
    """The adapter's parts."""

    settings: SlackSettings
    services: Services
    line: Line
    teams: Teams
    people: People
    poster: Poster
    memory: Memory
    threads: Threads = field(default_factory=Threads)

    @property
    def name(self) -> str:
        """The adapter's table in the configuration."""
        return self.services.name

    @property
    def now(self) -> datetime:
        return self.line.clock.now()

    @property
    def commands(self) -> Commands | None:
        return self.services.commands

    def offers(self, path: tuple[str, ...]) -> bool:
        """Return whether there is a command that everybody may use."""
        everybody = (one.path for one in self.services.commands or () if one.permission <= Permission.ASKER)
        return path in everybody

    async def find(self, place: Place, id_: str, by: Person) -> Control | None:
        """Return what was pressed, as far as it is known. Raises `StoreError`."""
        controls = self.services.controls
        return None if controls is None else await controls.find(place, id_, by)

    async def attachments(self, team: Team, given: Sequence[Mapping[str, Any]]) -> tuple[Attachment, ...]:
        """Return what came along with a message."""
        if not given:
            return ()
        return await files.attachments(
            given, team.client.token or "", self.settings, self.line.session, self.line.clock
        )
