"""Which side of a dataset a question stands on: decided by a hash of it, once and for all its judgments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from ..values import Split
from .record import DatasetError

SALT = "1"
"""The same for all datasets by default, so that a question that one of them tests with is trained on in none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Which share of the questions goes where; the rest is trained on."""

    validation: float = 0.05
    test: float = 0.05

    def __post_init__(self) -> None:
        for name, value in (("validation", self.validation), ("test", self.test)):
            if not 0 <= value < 1:
                raise DatasetError(f"the share of {name} is {value!r}; from 0 to 0.9 would be right")
        if self.validation + self.test >= 1:
            raise DatasetError(f"{self.validation!r} and {self.test!r} leave nothing to train on")


USUAL = Shares()


def split_of(prompt: str, shares: Shares, salt: str = SALT) -> Split:
    """Return the side of a question, by its hash alone."""
    drawn = int.from_bytes(sha256(f"{salt}\0{prompt}".encode()).digest()[:8], "big") / 2**64
    if drawn < shares.test:
        return "test"
    return "validation" if drawn < shares.test + shares.validation else "train"


def decided(
    group: Mapping[str, Split | None], shares: Shares, salt: str = SALT
) -> Mapping[str, Split | None]:
    """Return the side of each question of a group of near-duplicates; what is given had its side in an earlier dataset.

    All get the same one. Where earlier ones stand on different sides, they stay there, and a new one has none: it would
    tell one side about another.
    """
    before: set[Split] = {side for side in group.values() if side is not None}
    if len(before) > 1:
        return group
    side: Split | None = next(iter(before), None) or split_of(min(group), shares, salt)
    every: dict[str, Split | None] = dict.fromkeys(group, side)
    return every
