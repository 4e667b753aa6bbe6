"""What every store looks at before it keeps a judgment."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..errors import StoreError
from ..feedback.values import Judgment, Rating

HOLDS = frozenset({"ranked", "all_bad"})
"""Outcomes that count as one of the judgments a task needs; who skips or reports leaves it to somebody else."""


def check_ids(one: Judgment) -> None:
    """Raise `StoreError` where an id in ``one`` is none."""
    for noun in ("assignment", "task", "person"):
        _check_id(getattr(one, noun), noun)
    _check_id(one.id, "judgment")
    for candidate in one.shown_order:
        _check_id(candidate, "candidate")


def check(one: Judgment, held: object, owned: Any) -> None:
    """Raise `StoreError` unless ``one`` is about an assignment that is there; ``owned`` are its task, its person, and what it showed."""
    if held is None:
        raise StoreError(f"there is no assignment {one.assignment!r} to judge")
    task, person, shown = owned
    if (UUID(one.task).hex, UUID(one.person).hex) != (task, person):
        raise StoreError(f"assignment {one.assignment!r} is another person's, or of another task")
    if [UUID(candidate).hex for candidate in one.shown_order] != list(shown):
        raise StoreError(f"assignment {one.assignment!r} showed other candidates, or in another order")


def says_the_same(one: Judgment, other: Judgment) -> bool:
    """Whether two judgments of one assignment mean the same, whenever and from wherever they came."""
    return (one.ranking, sorted(map(_plain, one.ratings)), one.reason, one.comment) == (
        other.ranking,
        sorted(map(_plain, other.ratings)),
        other.reason,
        other.comment,
    )


def _plain(one: Rating) -> tuple[str, str, int, int]:
    return one.candidate, one.axis, one.value, one.maximum


def _check_id(text: str, noun: str) -> None:
    try:
        UUID(text)
    except ValueError:
        raise StoreError(f"{text!r} is no id of a {noun}; it would be 32 hexadecimal digits") from None
