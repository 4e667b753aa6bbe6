"""Who may ask at all, what operators are to look at, and what they changed: the moderation's side of the store.

The stage asks a `Register` before a question is judged (`Register.standing`) and tells it of every ruling that is not a
plain "allow" (`Register.record`). Neither ever raises: a store that fails costs a strike or an entry in the queue,
never an answer, and a block stays a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rostra.places import Person, Place
from rostra.turns import Turn
from rostra.verdicts import Passage

from .policy import PolicySettings, Ruling


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How somebody stands in a workspace. ``until``: end of the time-out in force, None where there is none.

    ``told``: they were told since it began, and get no answer any more. ``seconds``: how long it still lasts.
    """

    until: datetime | None = None
    told: bool = False
    seconds: float = 0.0

    @property
    def out(self) -> bool:
        """Whether a time-out is in force."""
        return self.until is not None


GOOD = Standing()


class Register(Protocol):
    """What moderation remembers about people, and for operators."""

    async def standing(self, person: Person, place: Place) -> Standing:
        """Return how ``person`` stands in the workspace of ``place``. Never raises.

        The first call that finds a time-out has ``told`` False, later ones True: render the refusal ``timeout`` (with
        ``seconds``) for the first, and end the turn without a word for the others.
        """
        ...

    async def record(self, turn: Turn, passage: Passage, ruling: Ruling) -> None:
        """Note what ``ruling`` on ``passage`` has for consequences. Never raises.

        `Ruling.strikes` makes it a strike, `Ruling.queued` puts it into the operators' queue; where it has neither, nothing
        happens. Call it once for the question, and once for the answer with its strictest ruling.
        """
        ...

    async def policies(self) -> Mapping[str, PolicySettings]:
        """Return what operators changed, by policy: tables that go over the configuration's. Never raises."""
        ...


class NoRegister:
    """A `Register` that remembers nothing: without a store, and for tests."""

    async def standing(self, person: Person, place: Place) -> Standing:
        del person, place
        return GOOD

    async def record(self, turn: Turn, passage: Passage, ruling: Ruling) -> None:
        del turn, passage, ruling

    async def policies(self) -> Mapping[str, PolicySettings]:
        return {}
