"""Where things are said, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeAlias

PersonKind: TypeAlias = Literal["human", "bot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A channel of one workspace of one adapter, perhaps a thread in it.

    ``workspace`` is a Discord server or a Slack team; it is empty for direct messages of platforms that
    have no such thing, and for the console.
    """

    adapter: str
    channel: str
    workspace: str = ""
    thread: str | None = None

    @property
    def key(self) -> str:
        """One string for the place, for routes and logs: ``adapter/workspace/channel[/thread]``."""
        key = f"{self.adapter}/{self.workspace}/{self.channel}"
        return key if self.thread is None else f"{key}/{self.thread}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody on a platform, by the platform's own id and roles.

    The store keeps a pseudonym instead of ``id`` (see `rostra.storage`); ``id`` never reaches a log.
    """

    id: str
    kind: PersonKind = "human"
    roles: frozenset[str] = frozenset()


class Permission(IntEnum):
    """What a person may do, ordered so that a higher level may do all that a lower one may."""

    ASKER = 0
    RATER = 1
    OPERATOR = 2
    OWNER = 3
