"""What the bot asks of a platform, always about one reply.

A reply is what one question gets: it is begun, grows, and is finished or retracted. `Begin`, `Replace`,
`Retract`, `Finish` and `Show` are durable: they are stored before they are performed. `Append` and `Typing`
are not: what they show stands again, in full, in the action that ends the reply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .events import NOTHING, Event
from .places import Place
from .views import Button, View

Ending: TypeAlias = Literal["stop", "length", "content_filter", "stopped", "error"]
"""Why an answer ended: of itself, at the token limit, refused, stopped by a person, or by a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Open the reply, with its first text."""

    reply: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Let the reply grow by ``text``."""

    reply: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Show ``text`` instead of what is shown so far; more may follow."""

    reply: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retract:
    """Take away what is shown, for good, and show ``text`` in its place (nothing, if it is empty)."""

    reply: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """End the reply. ``text`` is the whole of it: whatever was shown before, this stands now.

    ``buttons`` are shown under it where the platform has them.
    """

    reply: str
    text: str
    ending: Ending = "stop"
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Answer with a view, and end the reply."""

    reply: str
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """Let people see that an answer is being made."""

    reply: str


Action: TypeAlias = Begin | Append | Replace | Retract | Finish | Show | Typing
"""What the bot may ask of a platform. A new kind fails type checking in every adapter."""

Emit: TypeAlias = Callable[[Action], Awaitable[None]]
"""Ask for an action. It returns once the action is done, or safely stored to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a reply goes: serialisable, so that a restarted process can go on.

    ``question`` is the platform's id of what is answered, ``extra`` what its event carried, and ``shown`` the
    platform's ids of the messages that show the reply so far, from the last `Receipt`.
    """

    place: Place
    question: str
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    shown: tuple[str, ...] = ()

    @staticmethod
    def of(event: Event) -> Address:
        """Return the address of the answer to ``event``."""
        return Address(place=event.place, question=event.id, extra=event.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the platform made of an action: the ids of all messages that show the reply now."""

    shown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a platform can do; the rest is done for it.

    - ``append``: a shown reply can grow without being sent again (a terminal, a native stream).
    - ``edit``: a shown reply can be replaced. Without ``append`` or ``edit`` answers arrive whole.
    - ``delete``: a shown reply can be taken away.
    - ``nonce``: performing twice with one key shows one message.
    - ``typing``: it can show that an answer is being made.
    - ``length``: characters in one message, None where there is no limit worth knowing.
    - ``interval``: seconds between two changes of a shown reply that the platform puts up with.
    """

    append: bool = False
    edit: bool = False
    delete: bool = False
    nonce: bool = False
    buttons: bool = False
    forms: bool = False
    files: bool = False
    typing: bool = False
    length: int | None = None
    interval: float = 0.0

    @property
    def streams(self) -> bool:
        """Whether a reply may be shown before it is finished."""
        return self.append or self.edit

    @property
    def retracts(self) -> bool:
        """Whether what was shown can be taken away again."""
        return self.edit or self.delete
