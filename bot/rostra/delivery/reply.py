"""The state machine of one reply. Pure: it says what is allowed and what follows, and does nothing.

::

    ACCEPTED ──begin──► OPENING ──receipt──► OPEN ──finish, retract──► CLOSING ──receipt──► CLOSED
        │                  │                  │ ▲                         │
        │                  │                  └─┘ append, replace         └──gave up──► DEAD ──resend──► CLOSING
        └──finish, show────┴─────────────────────────────────────────────►┘

``OPENING`` and ``CLOSING`` are stored before the platform is called and ``OPEN`` and ``CLOSED`` after its
receipt: what a restart finds in between may or may not have happened (see `rostra.delivery.recover`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, assert_never

from ..actions import Action, Address, Append, Begin, Finish, Receipt, Replace, Retract, Show, Typing
from ..errors import DeliveryError

Durable: TypeAlias = Begin | Replace | Retract | Finish | Show


class State(StrEnum):
    ACCEPTED = "accepted"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one accepted event gets, and how far that has come.

    ``action`` is the last durable action, ``number`` how many there were, ``attempts`` how often the platform
    was asked for it in vain, ``error`` why. ``repeated``: a crash left open
    whether it was shown before; that stays so for good.
    """

    id: str
    address: Address
    state: State = State.ACCEPTED
    action: Durable | None = None
    number: int = 0
    attempts: int = 0
    repeated: bool = False
    error: str = ""

    @property
    def key(self) -> str:
        """The idempotency key of what shows the reply first: stable over retries and restarts."""
        return self.id

    @property
    def done(self) -> bool:
        return self.state in {State.CLOSED, State.DEAD}


def ask(reply: Reply, action: Action) -> Reply:
    """Return the reply with ``action`` asked for. Raises `DeliveryError` if its state does not allow it."""
    match action:
        case Typing():
            return reply
        case Append():
            allowed, state = {State.OPEN}, State.OPEN
        case Replace():
            allowed, state = {State.OPEN}, State.OPEN
        case Begin():
            allowed, state = {State.ACCEPTED}, State.OPENING
        case Retract() | Finish():
            allowed, state = {State.ACCEPTED, State.OPENING, State.OPEN}, State.CLOSING
        case Show():
            allowed, state = {State.ACCEPTED}, State.CLOSING
        case _:
            assert_never(action)
    if reply.state not in allowed:
        raise DeliveryError(
            f"{type(action).__name__} does not follow {reply.state.value!r} in reply {reply.id!r}"
        )
    if isinstance(action, Append):
        return reply
    return Reply(
        id=reply.id,
        address=reply.address,
        state=state,
        action=action,
        number=reply.number + 1,
        repeated=reply.repeated,
    )


def arrived(reply: Reply, receipt: Receipt) -> Reply:
    """Return the reply after the platform did what was asked."""
    address = reply.address
    if receipt.shown and receipt.shown != address.shown:
        address = Address(
            place=address.place, question=address.question, extra=address.extra, shown=receipt.shown
        )
    match reply.state:
        case State.OPENING | State.OPEN:
            state = State.OPEN
        case State.CLOSING:
            state = State.CLOSED
        case State.ACCEPTED | State.CLOSED | State.DEAD:
            raise DeliveryError(f"nothing was asked for reply {reply.id!r}, which is {reply.state.value!r}")
        case _:
            assert_never(reply.state)
    return Reply(
        id=reply.id,
        address=address,
        state=state,
        action=reply.action,
        number=reply.number,
        attempts=reply.attempts,
        repeated=reply.repeated,
        error=reply.error,
    )


def failed(reply: Reply, error: str) -> Reply:
    """Return the reply after the platform refused once."""
    return replace(reply, attempts=reply.attempts + 1, error=error)


def give_up(reply: Reply) -> Reply:
    """Return the reply as a dead letter, for an operator to look at."""
    return replace(reply, state=State.DEAD)


def resend(reply: Reply) -> Reply:
    """Return a dead letter as one that is to be sent again."""
    if reply.state is not State.DEAD or reply.action is None:
        raise DeliveryError(
            f"reply {reply.id!r} is {reply.state.value!r}; only a dead letter can be sent again"
        )
    return replace(reply, state=State.CLOSING, attempts=0, error="")


def drop(reply: Reply) -> Reply:
    """Return the reply as done without anything shown: there was nothing to answer."""
    if reply.state is not State.ACCEPTED:
        raise DeliveryError(
            f"reply {reply.id!r} is {reply.state.value!r}; only what was not begun can be dropped"
        )
    return replace(reply, state=State.CLOSED)
