"""What the core keeps, by noun. `rostra.storage` has it in memory and in a database.

Methods without ``async`` put something down to be written with the next durable write: it is on disk once a
later `Ledger.advance` has returned, and lost with a crash before that. Everything else is on disk when it
returns. All raise `rostra.errors.StoreError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .chat import Utterance
from .delivery.reply import Reply
from .events import Event
from .places import Person, Place
from .protocols import Accepted, Duplicate
from .turns import Step
from .verdicts import Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An accepted event and the reply it gets."""

    event: Event
    reply: Reply
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a reply is what it is: `Turn.trace` and the verdicts, kept for ``/why``."""

    reply: str
    at: datetime
    steps: tuple[Step, ...]
    verdicts: tuple[Judged, ...]


class Ledger(Protocol):
    """Inbox and outbox."""

    async def accept(self, event: Event) -> Accepted | Duplicate:
        """Store ``event`` under its adapter and id, once."""
        ...

    async def advance(self, reply: Reply) -> None:
        """Store how far ``reply`` has come. Once it is done, its event is done too."""
        ...

    async def unfinished(self) -> Sequence[Entry]:
        """Return what was accepted and is not done, oldest first."""
        ...

    async def dead(self) -> Sequence[Entry]:
        """Return the dead letters, oldest first."""
        ...

    async def entry(self, reply: str) -> Entry | None:
        """Return what is kept about the reply with this id."""
        ...


class Conversations(Protocol):
    """What was said in each place, as far as the bot may remember it."""

    async def recall(self, place: Place, limit: int) -> Sequence[Utterance]:
        """Return the last ``limit`` utterances of the place, oldest first."""
        ...

    def remember(self, event: Event, reply: str, question: str, answer: str) -> None:
        """Add a question and the answer that was released to it."""
        ...

    async def forget(self, place: Place) -> int:
        """Start the place afresh: later `recall`s return nothing said before. Return how much that was."""
        ...


class Journal(Protocol):
    """Why things were decided, and who changed what."""

    def explain(self, event: Event, reply: str, steps: Sequence[Step], verdicts: Sequence[Judged]) -> None:
        """Keep why ``reply`` is what it is."""
        ...

    async def explanation(self, place: Place, reply: str | None = None) -> Explanation | None:
        """Return why the reply (of this place; its last one by default) is what it is."""
        ...

    async def audit(
        self,
        actor: Person | None,
        action: str,
        subject: str,
        detail: Mapping[str, str],
        *,
        adapter: str = "",
    ) -> None:
        """Add an entry to the hash-chained log of changes.

        ``adapter`` is whose platform knows ``actor``. ``subject`` and ``detail`` stand in clear and for good: they
        hold no message text and no id of a platform.
        """
        ...


class Choices(Protocol):
    """What was chosen for a place by its people: ``answerer``, ``persona``."""

    async def choices(self, place: Place) -> Mapping[str, str]: ...

    async def choose(self, place: Place, name: str, value: str | None) -> None:
        """Set ``name`` for the place; None goes back to the configuration's."""
        ...


class Store(Ledger, Conversations, Journal, Choices, Protocol):
    """All of it."""

    async def purge(self, before: datetime) -> int:
        """Remove what is done and older than ``before``. Return how many contents went."""
        ...
