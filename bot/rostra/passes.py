"""Passes: what lets somebody of a chat rank in a browser, as themselves, in their workspace, and do nothing else there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from .places import Permission, Place

PassKind: TypeAlias = Literal["link", "session"]
"""A link that begins a session once; such a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """``person`` (a pseudonym) may rank in the workspace of ``place``, with this permission, until ``expires_at``.

    ``ballot`` is the one they had in hand when they asked for it, if any. A ``link`` is there to be ended: whoever ends it
    has used it.
    """

    person: str
    place: Place
    permission: Permission
    made_at: datetime
    expires_at: datetime
    ballot: str = ""
    kind: PassKind = "link"

    def good(self, now: datetime) -> bool:
        """Return whether it still holds at ``now``."""
        return now < self.expires_at


class Passes(Protocol):
    """Passes by their tokens, which are not kept: a pass is found by a keyed hash of its token.

    They go when the person is erased, and when they are over.
    """

    async def open_pass(self, one: Pass, token: str) -> None:
        """Keep a pass. Raises `StoreError` if nobody is known by its ``person``, or ``token`` is not as `rostra.accounts.TOKEN` says."""
        ...

    async def pass_of(self, token: str) -> Pass | None:
        """Return the pass with this token, also one that is over: `Pass.good` says whether it holds."""
        ...

    async def end_pass(self, token: str) -> bool:
        """End a pass. Return whether it was there: of several who end a link at once, one used it."""
        ...
