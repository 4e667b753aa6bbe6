"""Everything that is kept about one person, and what came of erasing it, in values and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from .feedback.values import Erasure

Plain: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept about somebody. Texts that expired or were forgotten are in none of it.

    ``messages`` are what they said to the bot and what it answered; ``events`` what their platform sent of them as it came;
    ``explanations`` why answers are what they are; ``feedback`` their consents, texts, ratings, thumbs, exclusions and
    the datasets they are in; ``ballots`` those they were handed; ``changes`` what the log of changes says that they did.
    ``sign_in`` is the name and the roles they sign in with, ``talks`` the titles of the conversations they find again.
    """

    person: str
    account: Plain
    since: str
    messages: tuple[Plain, ...] = ()
    events: tuple[Plain, ...] = ()
    summaries: tuple[Plain, ...] = ()
    explanations: tuple[Plain, ...] = ()
    reviews: tuple[Plain, ...] = ()
    strikes: tuple[Plain, ...] = ()
    spending: tuple[Plain, ...] = ()
    quotas: tuple[Plain, ...] = ()
    feedback: Plain
    ballots: tuple[Plain, ...] = ()
    changes: tuple[Plain, ...] = ()
    sign_in: tuple[Plain, ...] = ()
    talks: tuple[Plain, ...] = ()


@runtime_checkable
class PersonalData(Protocol):
    """What a store on disk does as well: it says all that it keeps about one person. Both raise `rostra.errors.StoreError`."""

    async def known(self, adapter: str, person: str) -> Sequence[str]:
        """Return the pseudonyms of the person with this id on the platform of ``adapter``; nobody becomes known by that."""
        ...

    async def kept(self, pseudonym: str) -> Kept | None:
        """Return everything that is kept about somebody, None if nobody who was not erased has this pseudonym."""
        ...


def counts(found: Kept) -> Sequence[tuple[int, str]]:
    """Return how many there are of each thing, and what it is called; what there is none of is left out."""
    feedback = found.feedback
    every = (
        (len(found.messages), "message"),
        (len(found.events), "event"),
        (len(feedback["texts"]), "text for ranking"),
        (len(feedback["judgments"]), "ballot"),
        (len(feedback["thumbs"]), "thumb"),
        (len(feedback["consents"]), "consent"),
        (len(found.strikes), "strike"),
        (len(found.reviews), "review"),
        (len(found.spending), "spending"),
    )
    return [(count, plural(count, noun)) for count, noun in every if count]


def counted(found: Kept) -> str:
    """Return how much is kept, in words."""
    said = [f"{count:,} {noun}" for count, noun in counts(found)]
    return ", ".join(said) or "an account, and nothing else"


def erased(before: Kept, done: Erasure) -> list[str]:
    """Return what was erased, in sentences; ``before`` is what was kept."""
    stay = "no longer count" if done.withdrawn else "stay, with no name"
    lines = [
        (
            f"Erased: the account and the key, {done.texts:,} texts, {len(before.explanations):,} explanations,"
            f" {len(before.strikes):,} strikes; {len(before.spending):,} spendings are nobody's now."
        ),
        f"Of their ballots {done.judgments:,} {stay}.",
    ]
    names = ", ".join(sorted({f"{one.name} v{one.version}" for one in done.lineage.datasets}))
    if names:
        lines.append(f"Marked as tainted: {names}.")
    lines.extend(f"To delete: {one.uri} ({one.format})" for one in done.lineage.exports)
    if done.lineage.models:
        lines.append(f"Models that learned from them: {', '.join(done.lineage.models)}.")
    return lines


def plural(count: int, noun: str) -> str:
    """Return ``noun`` for so many: ``text for ranking`` becomes ``texts for ranking``."""
    head, space, rest = noun.partition(" ")
    return noun if count == 1 else f"{head}s{space}{rest}"
