"""A moderator that is only there: for looking at a policy, which needs to know who would be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import ModerationError
from ..protocols import Moderator
from ..verdicts import Passage, Verdict


@dataclass(frozen=True, slots=True)
class Silent:
    name: str

    async def judge(self, passage: Passage) -> Verdict:
        del passage
        raise ModerationError(f"moderator {self.name!r} was not opened")


def silent(names: Iterable[str]) -> Mapping[str, Moderator]:
    """Return a moderator for each name."""
    return {name: Silent(name) for name in names}
