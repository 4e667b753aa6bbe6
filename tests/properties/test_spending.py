"""Whatever is reserved, settled, given back and taken up again: counters are the sum of what is reserved and used."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.chat import Usage
from rostra.clock import SystemClock
from rostra.places import Person
from rostra.spending import NOTHING, Amounts, Bill, Ceiling, Share, amounts_of
from rostra.storage import open_store
from rostra.storage.memory import MemoryStore
from rostra.stores import Store
from rostra.testing.clock import ManualClock
from rostra.testing.dockets import ALWAYS, NEVER
from rostra.testing.samples import question
from rostra.testing.stores import accepted

REPLIES = 4
SHARES = [
    Share(key=("all",), ceiling=Ceiling(messages=3, tokens=900), ends_at=NEVER),
    Share(key=("money",), ceiling=Ceiling(cost=500), ends_at=NEVER),
    Share(key=("nobody",), ceiling=Ceiling(messages=10**6), ends_at=NEVER),
]
amounts = st.builds(Amounts, messages=st.just(1), tokens=st.integers(0, 400), cost=st.integers(0, 300))
usages = st.builds(
    Usage,
    prompt=st.integers(0, 300),
    completion=st.integers(0, 300),
    cost=st.none() | st.integers(0, 400).map(lambda n: n / 1e6),
)
steps = st.lists(
    st.tuples(
        st.integers(0, REPLIES - 1), amounts | usages | st.none(), st.sets(st.integers(0, 2), min_size=1)
    ),
    max_size=30,
)


@dataclass
class Book:
    """What should be: what each reply has used and reserved, and in which counters."""

    used: dict[int, Amounts] = field(default_factory=dict[int, Amounts])
    held: dict[int, Amounts] = field(default_factory=dict[int, Amounts])
    counters: list[Amounts] = field(default_factory=lambda: [NOTHING] * len(SHARES))
    where: dict[int, set[int]] = field(default_factory=dict[int, set[int]])

    def count(self, reply: int, more: Amounts) -> None:
        for number in self.where.get(reply, ()):
            self.counters[number] = self.counters[number] + more


async def follow(
    store: Store, bills: list[Bill], story: list[tuple[int, Amounts | Usage | None, set[int]]]
) -> None:
    book = Book()
    for reply, what, chosen in story:
        if isinstance(what, Amounts):
            await reserve(store, bills, book, (reply, what, chosen))
        else:
            store.settle(bills[reply], what)
            more = (
                NOTHING
                if what is None
                else amounts_of(what, messages=1 - book.used.get(reply, NOTHING).messages)
            )
            book.count(reply, more - book.held.pop(reply, NOTHING))
            book.used[reply] = book.used.get(reply, NOTHING) + more
            if book.used[reply] == NOTHING:
                book.where.pop(reply, None)
        found = list(await store.counted(SHARES))
        assert found == book.counters
        assert all(min(one.messages, one.tokens, one.cost) >= 0 for one in found)
    spent = await store.spent(ALWAYS, NEVER, "model", None)
    total = sum(book.used.values(), NOTHING)
    assert sum(one.messages for one in spent) == total.messages
    assert sum(one.prompt + one.completion for one in spent) == total.tokens
    assert sum(one.cost for one in spent) == total.cost


async def reserve(store: Store, bills: list[Bill], book: Book, asked: tuple[int, Amounts, set[int]]) -> None:
    reply, want, chosen = asked
    granted = await store.reserve(bills[reply], want, [SHARES[number] for number in sorted(chosen)])
    book.count(reply, NOTHING - book.held.pop(reply, NOTHING))
    if granted.refused is None:
        book.where[reply] = chosen
        book.held[reply] = want - Amounts(messages=book.used.get(reply, NOTHING).messages)
        book.count(reply, book.held[reply])
    else:
        book.where.pop(reply, None)


async def bills_of(store: Store) -> list[Bill]:
    found: list[Bill] = []
    for number in range(REPLIES):
        event = question(author=Person(id=str(number)))
        reply = await accepted(store, event)
        found.append(Bill(event=event, reply=reply.id, answerer="default", model="tiny"))
    return found


@pytest.mark.slow
@given(steps)
@settings(deadline=None, max_examples=200)
def test_counters_are_the_sum_of_what_is_reserved_and_used(
    story: list[tuple[int, Amounts | Usage | None, set[int]]],
) -> None:
    async def run() -> None:
        store = MemoryStore(clock=ManualClock())
        await follow(store, await bills_of(store), story)

    asyncio.run(run())


@pytest.mark.slow
def test_a_database_counts_as_memory_does(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)

    def one() -> tuple[int, Amounts | Usage | None, set[int]]:
        what = dice.choice(
            [
                None,
                Amounts(messages=1, tokens=dice.randrange(400), cost=dice.randrange(300)),
                Usage(
                    prompt=dice.randrange(300), completion=dice.randrange(300), cost=dice.randrange(400) / 1e6
                ),
            ]
        )
        return dice.randrange(REPLIES), what, set(dice.sample(range(3), dice.randrange(1, 4)))

    async def run() -> None:
        async with open_store("", data=tmp_path, clock=SystemClock()) as store:
            await follow(store, await bills_of(store), [one() for _ in range(120)])

    asyncio.run(run())
