"""What questions take, in messages, tokens and money, and what is kept of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Literal, Protocol, TypeAlias, get_args

from .chat import Usage
from .events import Event
from .places import Place

MILLIONTHS = 1_000_000
"""Money is counted in millionths, as whole numbers, so that sums come out even."""
KEPT_DAYS = 400
"""How long it is kept what a question took: a year can be looked back on, and compared with the one before it began."""

Dimension: TypeAlias = Literal["person", "model", "channel", "answerer"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """So many messages and tokens, and so much money in millionths."""

    messages: int = 0
    tokens: int = 0
    cost: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            messages=self.messages + other.messages,
            tokens=self.tokens + other.tokens,
            cost=self.cost + other.cost,
        )

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(
            messages=self.messages - other.messages,
            tokens=self.tokens - other.tokens,
            cost=self.cost - other.cost,
        )


NOTHING = Amounts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """How much there may be of each; None: that does not count."""

    messages: int | None = None
    tokens: int | None = None
    cost: int | None = None

    def over(self, used: Amounts, want: Amounts) -> Sequence[str]:
        """Return what there is not enough left of for ``want``.

        Whoever wants more than all of it gets all of it: a ceiling lower than the estimate for one question would
        otherwise let nothing through, ever.
        """
        kinds = (
            ("messages", self.messages, used.messages, want.messages),
            ("tokens", self.tokens, used.tokens, want.tokens),
            ("cost", self.cost, used.cost, want.cost),
        )
        return [
            name
            for name, most, taken, more in kinds
            if most is not None and (taken + min(more, most) > most or taken >= most)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a question counts against: the counter with this ``key``, until ``ends_at``.

    ``personal``: it is the asker's own, and goes when they are erased.
    """

    key: tuple[str, ...]
    ceiling: Ceiling
    ends_at: datetime
    personal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Whose question it is, and who answers it."""

    event: Event
    reply: str
    answerer: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What was used of each share before, and the number of one that had not enough left: then nothing was reserved.

    Of several it is the one whose window ends last, since none before that would help.
    """

    used: tuple[Amounts, ...]
    refused: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was used in some time by one person, model, channel or answerer; ``name`` is empty where that is gone."""

    name: str
    messages: int
    prompt: int
    completion: int
    cost: int


class Spendings(Protocol):
    """What questions took, and what of quotas is used up.

    What is reserved is on disk before the question is asked, and stays reserved until it is settled, whatever happens to
    this process: `settle_left` sees to what a crash left behind.
    """

    async def reserve(self, bill: Bill, want: Amounts, shares: Sequence[Share]) -> Granted:
        """Take ``want`` from all ``shares``, or from none if one has not enough left; nobody comes in between.

        What was reserved for the same reply before is given back first.
        """
        ...

    def settle(self, bill: Bill, used: Usage | None) -> None:
        """Add what a question took, and give back what was reserved for it and not used; None: it took nothing.

        May be called several times for one reply, each with what came after the last: it counts as one message.
        """
        ...

    async def settle_left(self, before: datetime) -> int:
        """Count what was reserved before then, for replies that are not under way any more, as used. Return how many."""
        ...

    async def counted(self, shares: Sequence[Share]) -> Sequence[Amounts]:
        """Return what is used of each share, with what is reserved."""
        ...

    async def spent(
        self, since: datetime, until: datetime, by: Dimension, place: Place | None
    ) -> Sequence[Spent]:
        """Return what was used from ``since`` to before ``until`` in the workspace of ``place`` (None: in all), most first.

        A person is named by the id on their platform, a channel by `Place.key` without thread.
        """
        ...


def millionths(cost: float | None) -> int:
    """Return money in millionths, rounded up; nothing for None."""
    # What floats make of 0.1 + 0.2 is no reason for a millionth more.
    return 0 if cost is None else ceil(round(cost * MILLIONTHS, 3))


def amounts_of(usage: Usage, *, messages: int = 1) -> Amounts:
    """Return what ``usage`` comes to."""
    return Amounts(messages=messages, tokens=usage.prompt + usage.completion, cost=millionths(usage.cost))


def refused_share(shares: Sequence[Share], used: Sequence[Amounts], want: Amounts) -> int | None:
    """Return the number of the share that refuses ``want``, the one that ends last; None if none does."""
    over = [number for number, share in enumerate(shares) if share.ceiling.over(used[number], want)]
    return max(over, key=lambda number: shares[number].ends_at, default=None)
