"""Conversations that an adapter shows again itself: whose they are, and the events in each, in order.

Platforms keep what people see on them. A page of our own has no platform: after a reload it shows what is kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from .errors import StoreError
from .places import Place

if TYPE_CHECKING:
    from .stores import Entry


class SomebodyElses(StoreError):
    """A conversation is not of whoever asks in it."""

    def __init__(self) -> None:
        super().__init__("this conversation is somebody else's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation: ``id`` is the channel of its place, ``owner`` the id on the platform of whose it is.

    ``at`` is when something was asked in it last.
    """

    id: str
    adapter: str
    owner: str
    title: str
    at: datetime

    @property
    def place(self) -> Place:
        """Where its events are."""
        return Place(adapter=self.adapter, channel=self.id)


class Talks(Protocol):
    """Conversations by their owner.

    They go with an erasure of the owner, and when nothing was asked in them for as long as texts are kept; what is said in
    them expires as anywhere.
    """

    async def ask(self, talk: Talk, event: str, *, instead_of: str = "") -> bool:
        """Put down that the event with this id will come in ``talk``, which is begun if it is new.

        It comes before the event itself is accepted, so that nothing is accepted that would not be shown. With
        ``instead_of``, the id of an earlier event of it, that one and all that came after it are shown and remembered no
        longer. The title of a conversation that is there stays. Return False, and do nothing, if this event was put down before.
        Raises `SomebodyElses`.
        """
        ...

    async def talk(self, adapter: str, owner: str, id_: str) -> Talk | None:
        """Return the conversation with this id, if it is ``owner``'s."""
        ...

    async def talks(self, adapter: str, owner: str, limit: int = 100) -> Sequence[Talk]:
        """Return the conversations of ``owner``, those first in which something was asked last."""
        ...

    async def asked_in(self, talk: Talk) -> Sequence[Entry]:
        """Return what was accepted in ``talk`` and is still shown and kept, in the order in which it was put down."""
        ...

    async def end_talk(self, talk: Talk) -> None:
        """Show a conversation no longer, and remember nothing of it; its texts expire as others do."""
        ...
