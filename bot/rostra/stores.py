"""What the core keeps, by noun. `rostra.storage` has it in memory and in a database.

Methods without ``async`` put something down to be written with the next durable write: it is on disk once a
later `Ledger.advance` has returned, and lost with a crash before that. Everything else is on disk when it
returns. All raise `rostra.errors.StoreError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from .accounts import Accounts
from .api_keys import ApiKeys
from .chat import Role
from .delivery.reply import Reply
from .events import Event
from .feedback.stores import Feedback
from .passes import Passes
from .places import Person, Place
from .protocols import Accepted, Duplicate
from .spending import Spendings
from .talks import Talks
from .turns import Step
from .verdicts import Direction, Judged, Verdict
from .versions import Versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An accepted event and the reply it gets."""

    event: Event
    reply: Reply
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many replies are ``unfinished``, and how many are ``dead`` letters."""

    unfinished: int
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A question or an answer as it is remembered, and the reply it belongs to."""

    reply: str
    role: Role
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was said in a place up to the answer ``reply``, in short."""

    id: str
    reply: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a reply is what it is: `Turn.trace` and the verdicts, kept for ``/why``."""

    reply: str
    at: datetime
    steps: tuple[Step, ...]
    verdicts: tuple[Judged, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was decided about one reply, and what it rests on. ``author`` is None once the question is gone."""

    reply: str
    at: datetime
    place: Place
    author: Person | None
    steps: tuple[Step, ...]
    verdicts: tuple[Judged, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """An entry of the log of changes, for operators. ``by`` is the id of who did it; empty where that is gone, or nobody did."""

    number: int
    at: datetime
    action: str
    subject: str
    detail: Mapping[str, str]
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A numbered version of what operators changed in a policy: all of it, as ``table``; ``what`` says the last step.

    ``by`` is who did it, by the id on their platform; empty where that is gone, or nobody did.
    """

    policy: str
    number: int
    at: datetime
    what: str
    table: Mapping[str, Any]
    by: str = ""


Label: TypeAlias = Literal["approve", "block", "wrong"]
"""What an operator says of a text: it may pass, it may not, or the moderation was mistaken about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A text that operators are to look at. ``action`` is what followed, such as ``refuse`` or ``review``."""

    direction: Direction
    verdict: Verdict
    text: str
    question: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A case in the queue, and what was decided about it last.

    ``case.text`` is empty once it has expired or its author was erased (``retained`` is False then), and so are ``place``
    and ``author``, the id of who asked on their platform. ``by`` is the id of who decided.
    """

    id: str
    reply: str
    at: datetime
    case: Case
    retained: bool = True
    place: Place | None = None
    author: str = ""
    label: Label | None = None
    decided_at: datetime | None = None
    by: str = ""


SanctionKind: TypeAlias = Literal["strike", "timeout", "pardon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanction:
    """Something held against somebody in a workspace until a moment, or forgiven.

    A ``pardon`` with a ``reply`` forgives the strike for that reply, one without forgives everything before it, and as long
    as it lasts, whatever comes. ``reason`` is a name, such as a category; ``person`` and ``by`` are ids on the platform.
    """

    kind: SanctionKind
    at: datetime
    until: datetime
    reply: str = ""
    reason: str = ""
    person: str = ""
    by: str = ""


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

    async def backlog(self) -> Backlog:
        """Return how many entries `unfinished` and `dead` would return: counted, none of them read."""
        ...

    async def entry(self, reply: str) -> Entry | None:
        """Return what is kept about the reply with this id."""
        ...


class Conversations(Protocol):
    """What was said in each place, as far as the bot may remember it."""

    async def recall(self, place: Place, limit: int) -> Sequence[Said]:
        """Return the last ``limit`` utterances of the place, oldest first."""
        ...

    def remember(self, event: Event, reply: str, question: str, answer: str) -> None:
        """Add a question and the answer that was released to it."""
        ...

    async def summary(self, place: Place) -> Summary | None:
        """Return what stands for what was said before what is still read, where there is such a thing."""
        ...

    async def summarise(self, event: Event, text: str, *, replies: Sequence[str], follows: str = "") -> bool:
        """Put ``text`` in place of the summary with the id ``follows`` (none: there is none yet) of the event's place.

        It was made of that one and of the exchanges with ``replies``, oldest first, and expires with the oldest of all.
        Return False, and keep nothing, if any of them is no longer there: it was forgotten, has expired, or was erased.
        """
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

    async def judgements(self, since: datetime, limit: int = 20_000) -> Sequence[Judgement]:
        """Return the last ``limit`` explanations with verdicts since then, oldest first, as far as they are kept."""
        ...

    async def audit(
        self,
        actor: Person | None,
        action: str,
        subject: str,
        detail: Mapping[str, str],
        *,
        adapter: str = "",
        place: Place | None = None,
    ) -> None:
        """Add an entry to the hash-chained log of changes.

        ``adapter`` is whose platform knows ``actor``. ``subject`` and ``detail`` stand in clear and for good: they
        hold no message text and no id of a platform. ``place`` is somewhere in the workspace that the entry is about,
        which ``detail`` then names by a pseudonym.
        """
        ...

    async def audited(self, place: Place | None, limit: int = 20) -> Sequence[Audited]:
        """Return the last entries about the workspace of ``place`` and about policies, which all share; None: of all.

        Newest first.
        """
        ...

    async def reply_shown(self, place: Place, message: str) -> str | None:
        """Return the id of the reply in ``place`` that the platform's message with this id shows, among the last ones."""
        ...


class Choices(Protocol):
    """What was chosen for a place by its people: ``answerer``, ``persona``."""

    async def choices(self, place: Place) -> Mapping[str, str]: ...

    async def choose(self, place: Place, name: str, value: str | None) -> None:
        """Set ``name`` for the place; None goes back to the configuration's."""
        ...


class Policies(Protocol):
    """What operators changed in the policies of the configuration. Versions are numbered from 1 and stay as they are."""

    async def policies(self) -> Mapping[str, PolicyChange]:
        """Return the newest version of each policy that was ever changed."""
        ...

    async def policy_changes(self, policy: str, limit: int = 20) -> Sequence[PolicyChange]:
        """Return the last versions of a policy, newest first."""
        ...

    async def change_policy(
        self, policy: str, table: Mapping[str, Any], *, what: str, actor: Person | None, adapter: str = ""
    ) -> PolicyChange:
        """Make ``table`` the newest version of a policy, with an entry in the log of changes."""
        ...


class Reviews(Protocol):
    """Texts that operators are to look at, and what they said of them."""

    async def queue(self, event: Event, reply: str, case: Case) -> str:
        """Put a case into the queue, one for each reply and direction; it expires with the reply. Return its id."""
        ...

    async def reviews(
        self, place: Place | None, limit: int = 20, *, decided: bool = False
    ) -> Sequence[Review]:
        """Return the last cases of the workspace of ``place`` (None: of all), newest first.

        They are those that nobody has decided and whose text is there; with ``decided``, those that somebody has.
        """
        ...

    async def review(self, id_: str) -> Review | None:
        """Return one case."""
        ...

    async def decide(self, id_: str, label: Label, *, actor: Person | None, adapter: str = "") -> None:
        """Add a decision about a case, with an entry in the log of changes. Raises `StoreError` if there is no such case."""
        ...


class Sanctions(Protocol):
    """Strikes, time-outs and pardons, by person and workspace. Nothing is changed: what follows is added."""

    async def sanction(
        self, person: Person, place: Place, sanction: Sanction, *, actor: Person | None = None
    ) -> None:
        """Add ``sanction`` (its ``person`` and ``by`` are not looked at), with an entry in the log of changes."""
        ...

    async def sanctions(self, person: Person, place: Place) -> Sequence[Sanction]:
        """Return what is kept about ``person`` in the workspace of ``place``, oldest first."""
        ...

    async def sanctioned(self, place: Place, since: datetime, limit: int = 50) -> Sequence[Sanction]:
        """Return what was added in the workspace of ``place`` since then, newest first."""
        ...


class Drawer(Protocol):
    """Small values that components keep, such as a token for a workspace: sealed, with their names, under the master key.

    ``adapter`` is whose drawer it is: the name of the component's table in the configuration. Nothing in it expires, and
    nothing in it belongs to a person: whoever puts something there takes it out again.
    """

    async def put(self, adapter: str, name: str, value: bytes) -> None:
        """Keep ``value``, of at most 64 KiB, under ``name``, in place of what was there."""
        ...

    async def get(self, adapter: str, name: str) -> bytes | None:
        """Return the value under ``name``."""
        ...

    async def names(self, adapter: str, prefix: str = "") -> Sequence[str]:
        """Return the names that begin with ``prefix``, in their order."""
        ...

    async def remove(self, adapter: str, name: str) -> None:
        """Remove what is under ``name``, if anything is."""
        ...


class Store(
    Ledger,
    Conversations,
    Journal,
    Choices,
    Policies,
    Reviews,
    Sanctions,
    Spendings,
    Drawer,
    Versions,
    ApiKeys,
    Accounts,
    Talks,
    Passes,
    Feedback,
    Protocol,
):
    """All of it."""

    async def purge(self, before: datetime) -> int:
        """Remove what is done and older than ``before``. Return how many contents went."""
        ...
