"""Answers that people write: each is one more candidate of its question, stored once for the event that brought it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from ..errors import StoreError
from ..stores import Store
from .ballots import Sheet
from .ranking import RankingError
from .values import Candidate, Origin

TRIES = 5


async def added(
    store: Store, sheet: Sheet, text: str, changed: Candidate | None, *, author: str, event: str
) -> Candidate:
    """Add what ``author`` (a pseudonym) wrote to the answers of a ballot's question; ``event`` is an id that it is known by.

    Raises `RankingError`, to be shown, where it says what ``changed`` says, and `StoreError`.
    """
    if changed is not None and same(changed.text, text):
        raise RankingError("That is what the answer says already.")
    origin: Origin = "human" if changed is None else "edit"
    one = Candidate(
        id=derived(event, origin),
        batch=sheet.shown.batch.id,
        ordinal=0,
        text=text,
        origin=origin,
        author=author,
        edited_from="" if changed is None else changed.id,
    )
    for left in range(TRIES, 0, -1):
        (now,) = await store.shown([one.batch])
        one = replace(one, ordinal=1 + max((each.ordinal for each in now.candidates), default=-1))
        if any(each.id == one.id for each in now.candidates):
            return one
        try:
            await store.add_candidates([one])
        except StoreError:  # somebody else wrote at the same time
            if left == 1:
                raise
        else:
            return one
    raise AssertionError("the last try returns or raises")


def same(one: str, other: str) -> bool:
    """Return whether two texts say the same."""
    return one.split() == other.split()


def derived(id_: str, what: str) -> str:
    """Return an id that is made of another one, the same each time, near it in order."""
    return id_[:16] + sha256(f"{id_}/{what}".encode()).hexdigest()[:16]
